// Package device gives the client of a request a name that people recognise:
// "Firefox on Linux", read from its User-Agent. It is a description for lists
// and mails and nothing more: whoever sends a request chooses what it says
// there, so nothing may ever be allowed because of it.
//
// What isn't known stays unnamed. Whatever a User-Agent holds, the name is made
// of the words of this package alone, so it needs no escaping and can't carry
// anybody's message into a mail.
package device

import "strings"

// Device is what a User-Agent says about a client. Its zero value is unknown.
type Device struct {
	Browser string `json:"browser" doc:"Such as Firefox; empty if unknown"`
	OS      string `json:"os" doc:"Such as Linux; empty if unknown"`
}

// mark is a name and what in a User-Agent tells of it.
type mark struct{ sign, name string }

// browsers in the order of looking: most browsers also claim to be those below.
func browsers() []mark {
	return []mark{
		{"Flint/", "Flint app"},
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
		{"OPR/", "Opera"}, {"Opera", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Vivaldi/", "Vivaldi"}, {"YaBrowser/", "Yandex Browser"}, {"DuckDuckGo/", "DuckDuckGo"},
		{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"HeadlessChrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
		{"curl/", "curl"}, {"Wget/", "Wget"}, {"python-requests/", "a Python program"}, {"Go-http-client/", "a Go program"},
		{"okhttp/", "an Android app"}, {"CFNetwork/", "an Apple app"},
	}
}

// systems likewise: Android says Linux too, and an iPhone Mac OS X.
func systems() []mark {
	return []mark{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Darwin/", "macOS"},
		{"FreeBSD", "FreeBSD"}, {"Linux", "Linux"},
	}
}

// Of names the client that sends this User-Agent.
func Of(userAgent string) Device {
	return Device{Browser: first(browsers(), userAgent), OS: first(systems(), userAgent)}
}

func first(marks []mark, userAgent string) string {
	for _, m := range marks {
		if strings.Contains(userAgent, m.sign) {
			return m.name
		}
	}
	return ""
}

// String returns the device's name: "Firefox on Linux", "a browser on Windows",
// "curl", or "an unknown device".
func (d Device) String() string {
	switch {
	case d.Browser == "" && d.OS == "":
		return "an unknown device"
	case d.OS == "":
		return d.Browser
	case d.Browser == "":
		return "a browser on " + d.OS
	}
	return d.Browser + " on " + d.OS
}
