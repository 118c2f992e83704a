package siem

import "flint/internal/audit/tlog"

// Message is a leaf of the log with this name as syslog receivers get it; nil if
// it can't be read.
func Message(log string, leaf tlog.Leaf) []byte {
	e, err := eventOf(log, leaf)
	if err != nil {
		return nil
	}
	return (&syslog{host: hostOf(log)}).message(e)
}
