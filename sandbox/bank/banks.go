package bank

import (
	"sync"

	"flint/sandbox/world"
)

// Banks are all banks of the sandbox. Books are opened when they are asked for.
type Banks struct {
	seed  uint64
	start world.Day

	mu    sync.Mutex
	books map[string]*Book
}

// New returns the banks of a seed; nothing happened before start.
func New(seed uint64, start world.Day) *Banks {
	return &Banks{seed: seed, start: start, books: map[string]*Book{}}
}

// Book returns the book that an institution is in.
func (b *Banks) Book(institution string) *Book {
	name := institution
	switch institution {
	case "chase", "capital_one", "american_express":
		name = "household"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	book := b.books[name]
	if book == nil {
		if name == "household" {
			book = household(b.seed, b.start)
		} else {
			book = other(b.seed, institution, b.start)
		}
		b.books[name] = book
	}
	return book
}
