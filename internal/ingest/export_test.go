package ingest

import "time"

// TellerFrom lets the fake bank ask for the windows that Teller would be asked for.
func TellerFrom(w Watermark, full bool) time.Time { return tellerFrom(w, full) }

// Since is since.
var Since = since
