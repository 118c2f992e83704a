// Package bench measures Flint side by side: the same work done in two ways, in
// turns, in one run, so that what comes out is a ratio. A ratio outlives the
// machine, and most of what else the machine was doing.
//
// Everything is in the tests' files and runs the whole of Flint, as package app
// puts it together, on a real Postgres: a house is a database, a node one
// running Flint on it. `make bench` runs it all; README.md says what came out.
//
// A benchmark judges nothing: times on a shared machine make no test. The one
// test here keeps the house from falling into ruin between two measurements.
package bench
