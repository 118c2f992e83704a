// Package world is what every far end of the sandbox shares: a calendar, a
// source of repeatable chance, and a place to remember what people did.
//
// The sandbox plays banks and brokers. What they show must be the same for the
// same seed, must not change once it has been shown, and must go on growing
// while the days pass. So nothing is drawn from one long stream of chance.
// Each thing draws from its own, named by what it is about:
//
//	r := world.Rand(seed, "groceries", accountKey, day)
//
// Yesterday's draw is then the same today, whatever was drawn in between.
// Days come from a Clock, which is a Now function with a first day. The first
// day is stored, so a restart a month later shows a month more, not another
// past.
//
// Chance covers only what happens by itself. What a person did (an enrolment,
// a simulated purchase, a broken login) is state. A State is a folder with one
// JSON file for each Section; each far end owns its sections and no other:
//
//	section, err := world.Open(state, "teller", func() book { return book{} })
//	err = section.Write(func(b *book) error { b.Count++; return nil })
//
// A Write is on disk before it returns, or it did not happen.
package world
