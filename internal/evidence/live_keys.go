package evidence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"flint/internal/rotation"
)

// rotationHolds looks at every kind of key whose age the database knows.
func rotationHolds(ctx context.Context, sys System) (string, error) {
	ages, err := sys.Ages(ctx)
	if err != nil {
		return "", err
	}
	looked := 0
	var over []string
	for _, a := range ages {
		if a.Made.IsZero() || a.Every == 0 {
			continue
		}
		looked++
		if age := sys.Now().Sub(a.Made); age > a.Every+late {
			over = append(over, fmt.Sprintf("%s: %d days old, of %d", a.Name, days(age), days(a.Every)))
		}
		if a.Going && a.By == rotation.Flint && a.Overdue {
			over = append(over, a.Name+": its exchange hangs")
		}
	}
	if len(over) > 0 {
		return "", errors.New(strings.Join(over, "; "))
	}
	return fmt.Sprintf("%d kinds of keys", looked), nil
}

// receiversFollow looks how far those are behind that the settings name.
func receiversFollow(ctx context.Context, sys System) (string, error) {
	list, err := sys.Receivers(ctx)
	if err != nil {
		return "", err
	}
	used, most := 0, int64(0)
	for _, s := range list {
		if !s.Used {
			continue
		}
		used++
		most = max(most, s.Seconds)
		if s.Seconds > int64(time.Hour/time.Second) {
			return "", fmt.Errorf("%s is %d entries and %d seconds behind, after %d failures", s.Sink, s.Entries, s.Seconds, s.Failures)
		}
	}
	if used == 0 {
		return "there is none: FLINT_SIEM names nobody", nil
	}
	return fmt.Sprintf("%d receivers, at most %d seconds behind", used, most), nil
}
