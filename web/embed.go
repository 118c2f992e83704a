// Package web holds the built web app, which package app serves. The app is
// built by npm into dist and isn't committed: a placeholder lets Go build
// alone, and then the server says how to build the rest.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist returns the built files, with index.html at the top if the app has been
// built.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		return dist // can't happen: the folder is embedded above
	}
	return sub
}
