package screening

import (
	"cmp"
	"slices"
)

// How alike two names are. Words are compared by Jaro and Winkler's measure and
// by the edits that turn one into the other (Damerau, Levenshtein); names as
// sets of words, each weighed by how rare it is in the list: Cohen, Ravikumar
// and Fienberg's soft TF-IDF (2003), made tolerant of words that one side leaves
// out.

const (
	spelled  = 0.97 // of words that sound the same
	initials = 0.85 // of an initial and a word that begins with it
	small    = 0.2  // weight of particles
	leastW   = 0.5  // weight of the list's most common word
	extra    = 0.15 // what words may cost that only one side has
	alone    = 0.9  // how alike words must be that are all there is of a name
)

// edits is how many edits two words may be apart whose shorter one, folded, has n
// letters.
func edits(n int) int {
	switch {
	case n < 5:
		return 0
	case n < 8:
		return 1
	}
	return 2
}

// alike returns from 0 to 1 how alike two words are; 0: they are different words.
func alike(a, b token) float64 {
	switch {
	case a.raw == b.raw:
		return 1
	case a.initial() || b.initial():
		if a.raw[:1] == b.raw[:1] {
			return initials
		}
		return 0
	case a.fold == b.fold:
		return spelled
	}
	x, y := []rune(a.fold), []rune(b.fold)
	most := edits(min(len(x), len(y)))
	if most == 0 || len(x)-len(y) > most || len(y)-len(x) > most {
		return 0
	}
	d := distance(x, y)
	if d > most {
		return 0
	}
	p, q := []rune(a.raw), []rune(b.raw)
	return max(spelled*mean(x, y, d), mean(p, q, distance(p, q)))
}

func mean(a, b []rune, edits int) float64 {
	return (jaroWinkler(a, b) + 1 - float64(edits)/float64(max(len(a), len(b)))) / 2
}

// distance counts the letters to insert, delete, change or swap with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i, x := range a {
		row[0] = i + 1
		for j, y := range b {
			cost := 1
			if x == y {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x == b[j-1] && a[i-1] == y {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// jaroWinkler returns Winkler's variant (1990) of Jaro's measure, 0 to 1.
func jaroWinkler(a, b []rune) float64 {
	j := jaro(a, b)
	if j < 0.7 {
		return j
	}
	n := 0
	for n < min(len(a), len(b), 4) && a[n] == b[n] {
		n++
	}
	return j + float64(n)*0.1*(1-j)
}

func jaro(a, b []rune) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	window := max(len(a), len(b))/2 - 1
	taken := make([]bool, len(b))
	var first []rune
	for i, x := range a {
		for j := max(0, i-window); j <= min(len(b)-1, i+window); j++ {
			if !taken[j] && b[j] == x {
				taken[j], first = true, append(first, x)
				break
			}
		}
	}
	if len(first) == 0 {
		return 0
	}
	m, swapped, k := float64(len(first)), 0, 0
	for j, y := range b {
		if taken[j] {
			if first[k] != y {
				swapped++
			}
			k++
		}
	}
	return (m/float64(len(a)) + m/float64(len(b)) + (m-float64(swapped/2))/m) / 3
}

// weighed is a name whose words have weights.
type weighed struct {
	words   []token
	weights []float64
	sum     float64
	alone   bool // there is one word that says something
	initial bool // a word is an initial
}

func weigh(words []token, rarity func(fold string) float64) weighed {
	w := weighed{words: words}
	telling := 0
	for _, t := range words {
		v := small
		if !t.particle() {
			v = rarity(t.fold)
			telling++
		}
		w.initial = w.initial || t.initial()
		w.weights = append(w.weights, v)
		w.sum += v
	}
	w.alone = telling <= 1
	return w
}

// same is a pair of words that are taken to be one.
type same struct {
	a, b int
	sim  float64
}

// score returns from 0 to 1 how likely two names are one person's; 0 if too
// little of them agrees to say so: one word of several, or only initials.
func score(a, b weighed) float64 {
	var pairs []same
	for i, x := range a.words {
		for j, y := range b.words {
			if s := alike(x, y); s > 0 {
				pairs = append(pairs, same{i, j, s})
			}
		}
	}
	slices.SortStableFunc(pairs, func(p, q same) int { return cmp.Compare(q.sim, p.sim) })
	var usedA, usedB [mostTokens]bool
	coverA, coverB, best := 0.0, 0.0, 0.0
	telling, whole := 0, 0
	for _, p := range pairs {
		if usedA[p.a] || usedB[p.b] {
			continue
		}
		usedA[p.a], usedB[p.b] = true, true
		coverA += p.sim * a.weights[p.a]
		coverB += p.sim * b.weights[p.b]
		if x, y := a.words[p.a], b.words[p.b]; !x.particle() && !y.particle() {
			telling++
			if !x.initial() && !y.initial() {
				whole++
				best = max(best, p.sim)
			}
		}
	}
	enough := telling >= 2 && whole >= 1 || a.alone && b.alone && best >= alone
	if !enough || a.sum == 0 || b.sum == 0 {
		return 0
	}
	coverA, coverB = coverA/a.sum, coverB/b.sum
	return max(coverA, coverB) * (1 - extra + extra*min(coverA, coverB))
}
