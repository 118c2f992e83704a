package screening

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"
)

// index finds in a list the names that may be somebody's without comparing with
// each. Words that are a few edits apart share most of their pairs of letters
// (Ukkonen's q-grams, 1992), so those pairs lead from a word to its misspellings,
// and these to the names. It finds all that a comparison with each would.
type index struct {
	entries []Entry
	names   []listed
	byFold  map[string]int32 // word of the list, folded: its number
	words   []word           // by number
	grams   map[gram][]int32 // the words with a pair of letters, by length
}

// listed is one name of an entry, in one way to write it.
type listed struct {
	entry int32
	name  string
	weighed
}

type word struct {
	fold   string
	names  []int32
	rarity float64
}

// gram is two neighbouring letters of a word with so many.
type gram struct {
	a, b   rune
	length int
}

// grams returns the pairs of a word's letters, its ends included.
func grams(fold string) [][2]rune {
	list := make([][2]rune, 0, len(fold)+1)
	last := rune('^')
	for _, r := range fold + "$" {
		list = append(list, [2]rune{last, r})
		last = r
	}
	return list
}

func newIndex(entries []Entry) *index {
	x := &index{entries: entries, byFold: map[string]int32{}, grams: map[gram][]int32{}}
	for i, e := range entries {
		for _, name := range append([]string{e.Name}, e.Aliases...) {
			for _, words := range forms(tokens(name)) {
				n := int32(len(x.names))
				x.names = append(x.names, listed{entry: int32(i), name: name, weighed: weighed{words: words}})
				for _, t := range words {
					w := x.word(t.fold)
					x.words[w].names = appendOnce(x.words[w].names, n)
				}
			}
		}
	}
	n := math.Log(float64(len(x.names)) + 1)
	for i, w := range x.words {
		x.words[i].rarity = max(leastW, math.Log((float64(len(x.names))+1)/float64(len(w.names)))/n)
	}
	for i, name := range x.names {
		x.names[i].weighed = weigh(name.words, x.rarity)
	}
	return x
}

// word returns the number of a word, a new one if it has none.
func (x *index) word(fold string) int32 {
	if n, ok := x.byFold[fold]; ok {
		return n
	}
	n := int32(len(x.words))
	x.byFold[fold] = n
	x.words = append(x.words, word{fold: fold})
	length := utf8.RuneCountInString(fold)
	for _, g := range grams(fold) {
		k := gram{g[0], g[1], length}
		x.grams[k] = append(x.grams[k], n)
	}
	return n
}

func appendOnce(list []int32, n int32) []int32 {
	if len(list) > 0 && list[len(list)-1] == n {
		return list
	}
	return append(list, n)
}

func (x *index) rarity(fold string) float64 {
	if n, ok := x.byFold[fold]; ok {
		return x.words[n].rarity
	}
	return 1
}

// search is one look into an index. It counts in arrays, by the numbers of words
// and names, since it mostly counts.
type search struct {
	*index
	known  map[string][]int32 // what near found
	shared []uint8            // pairs of letters, by word
	hits   []uint8            // words found, by name
	last   []int32            // word of the name that is looked for at which a name was counted last
}

func (x *index) search() *search {
	return &search{x, map[string][]int32{}, make([]uint8, len(x.words)), make([]uint8, len(x.names)), make([]int32, len(x.names))}
}

// near returns the words of the list that t may be.
func (s *search) near(t token) []int32 {
	if t.initial() {
		return nil
	}
	if found, ok := s.known[t.fold]; ok {
		return found
	}
	var found, touched []int32
	if n, ok := s.byFold[t.fold]; ok {
		found = append(found, n)
	}
	letters, pairs := []rune(t.fold), grams(t.fold)
	length := len(letters)
	for other := length - edits(length); other <= length+edits(length); other++ {
		most := edits(min(length, other))
		if most == 0 || other-length > most || length-other > most {
			continue
		}
		touched = touched[:0]
		for _, g := range pairs {
			for _, n := range s.grams[gram{g[0], g[1], other}] {
				if s.shared[n] == 0 {
					touched = append(touched, n)
				}
				s.shared[n] = min(s.shared[n]+1, 250)
			}
		}
		least := max(length, other) + 1 - 3*most // a swap of neighbours breaks three pairs
		for _, n := range touched {
			w := s.words[n].fold
			if int(s.shared[n]) >= min(least, 250) && w != t.fold && distance(letters, []rune(w)) <= most {
				found = append(found, n)
			}
			s.shared[n] = 0
		}
	}
	s.known[t.fold] = found
	return found
}

// candidates returns the names that enough words of a name may be in.
func (s *search) candidates(q weighed) []int32 {
	var touched, list []int32
	for i, t := range q.words {
		if t.particle() {
			continue
		}
		for _, w := range s.near(t) {
			for _, n := range s.words[w].names {
				if s.hits[n] == 0 {
					touched = append(touched, n)
				} else if s.last[n] == int32(i) {
					continue
				}
				s.hits[n]++
				s.last[n] = int32(i)
			}
		}
	}
	for _, n := range touched {
		name := &s.names[n]
		if s.hits[n] >= 2 || q.initial || name.initial || q.alone && name.alone {
			list = append(list, n)
		}
		s.hits[n] = 0
	}
	return list
}

// find returns the entries whose names are at least threshold alike, the most
// alike first, each with the one of its names that is the most.
func (x *index) find(name string, threshold float64) []Match {
	return x.best(name, threshold, x.search().candidates)
}

// scan is find, by comparison with each.
func (x *index) scan(name string, threshold float64) []Match {
	all := make([]int32, len(x.names))
	for i := range all {
		all[i] = int32(i)
	}
	return x.best(name, threshold, func(weighed) []int32 { return all })
}

func (x *index) best(name string, threshold float64, candidates func(weighed) []int32) []Match {
	best := map[int32]Match{}
	for _, words := range forms(tokens(name)) {
		q := weigh(words, x.rarity)
		for _, n := range candidates(q) {
			l := &x.names[n]
			if s := score(q, l.weighed); s >= threshold && s > best[l.entry].Score {
				best[l.entry] = Match{Entry: x.entries[l.entry], Name: l.name, Score: s}
			}
		}
	}
	list := make([]Match, 0, len(best))
	for _, m := range best {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Entry.List, b.Entry.List), cmp.Compare(a.Entry.ID, b.Entry.ID))
	})
	return list[:min(len(list), mostMatches)]
}
