package screening

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pairs are made-up names of a list, spellings under which the same person might
// register, and people who are somebody else.
var pairs = []struct {
	listed       string
	same, others []string
}{
	{"Vladimir Sergeyevich PETROV", []string{"Vladimir Petrov", "Petrov, Vladimir", "Wladimir Petrow", "Владимир Петров", "Vladimir Sergeevich Petroff", "Vladmir Petrov", "V. Petrov", "Vladimir S. Petrov", "PETROV Vladimir Sergeievitch"},
		[]string{"Vladimir Ivanov", "Petra Vladimirova", "Viktor Petrosyan", "Vladimir", "Sergey Vladimirov", "Anna Petrova Smith", "Vladimira Petrova"}},
	{"Mohammed Hussein AL-RASHIDI", []string{"Muhammad Husayn al Rashidi", "Mohamed Hussain Alrashidi", "Mohamad Hosein El Rashidi", "Al-Rashidi Mohammed", "Mohammed H. al-Rashidi", "Mohammad Rashidi"},
		[]string{"Mohammed Hassan Tariq", "Mohammed Ali", "Rashid Khan", "Hussein Mohammed Ahmed Karim", "Mohammed"}},
	{"José María GARCÍA LÓPEZ", []string{"Jose Maria Garcia Lopez", "García López, José", "Jose Garcia", "Jose M. Garcia-Lopez", "Joze Garcia Lopez"},
		[]string{"Maria Fernandez Lopez", "José Rodríguez", "Garcia Marquez", "Luis Lopez"}},
	{"Björn ÖSTERGÅRD", []string{"Bjorn Ostergard", "Bjoern Oestergard", "Östergård Björn", "Bjørn Østergård", "Bjorn Ostergaard"},
		[]string{"Bjorn Andersson", "Bjarne Ostrowski", "Birgit Nystrom"}},
	{"Yuri Aleksandrovich KUZNETSOV", []string{"Юрий Кузнецов", "Yury Kuznetsov", "Iouri Kouznetsov", "Yuri Kuznetzov", "Kuznetsov Yuri Alexandrovich", "Jurij Kusnezow"},
		[]string{"Yuri Kovalenko", "Aleksandr Kuzmin", "Yana Kuznets"}},
	{"Nguyễn Văn HÙNG", []string{"Nguyen Van Hung", "Hung Van Nguyen", "Nguyễn Hùng"},
		[]string{"Nguyen Thi Lan", "Tran Van Minh", "Hung Pham"}},
	{"Γιώργος ΠΑΠΑΔΟΠΟΥΛΟΣ", []string{"Giorgos Papadopoulos", "Yiorgos Papadopoulos", "Papadopoulos Giorgos"},
		[]string{"Giorgos Papandreou", "Giorgos Papadimitriou", "Maria Papadaki", "Nikos Pappas"}},
	{"Xiaoming ZHANG", []string{"Zhang Xiaoming", "Xiao Ming Zhang", "Zhang Xiao-Ming"},
		[]string{"Zhang Wei", "Xiaoming Zheng", "Xiaohong Chang", "Li Xiaoming Wong"}},
	{"Abdul Rahman SALEH", []string{"Abdulrahman Saleh", "Abd al-Rahman Saleh", "Abdul-Rahman Salih", "Abdur Rahman Saleh"},
		[]string{"Abdul Karim Nasser", "Rahman Malik", "Saleh Mansour"}},
	{"Sean O'CONNELL", []string{"Seán Ó Connell", "Sean OConnell", "Sean O’Connell", "O'Connell Sean"},
		[]string{"Sean Connery", "Shannon Collins", "Siobhan O'Connor"}},
	{"Margarethe VON DER HEIDE", []string{"Margarethe Heide", "Margarete von der Heyde", "Von der Heide, Margarethe"},
		[]string{"Margarethe von Trapp", "Ursula von der Leyen", "Heidi Klein"}},
	{"Siti NURHALIZA BINTI AHMAD", []string{"Siti Nurhaliza", "Siti Nur Haliza binti Ahmad", "Nurhaliza Siti Ahmad"},
		[]string{"Siti Rahayu", "Ahmad Zaki", "Nur Aisyah binti Hassan"}},
	{"SUKARDJO", []string{"Sukardjo", "Sukardio", "SUKARDJO"}, []string{"Sukarno", "Joko Sukardjono", "Budi Sukardjo"}},
	{"Catherine MacDONALD", []string{"Catherine Mac Donald", "Katherine Macdonald", "Cathrine McDonald"}, []string{"Christine Maxwell", "Catherine Dunne", "Ronald MacGregor"}},
}

// TestWhoIsOnTheListIsFound measures precision and recall on names that were made
// up, with everybody against everybody.
func TestWhoIsOnTheListIsFound(t *testing.T) {
	t.Parallel()
	var entries []Entry
	for i, p := range pairs {
		entries = append(entries, Entry{ID: fmt.Sprint(i), List: "test", Name: p.listed})
	}
	crowd := people(rand.New(rand.NewPCG(1, 2)), 2000)
	for i, name := range crowd { // so that rare and common words are told apart
		entries = append(entries, Entry{ID: fmt.Sprint("x", i), List: "crowd", Name: name})
	}
	x := newIndex(entries)
	found, missed, wrong, right := 0, 0, 0, 0
	for i, p := range pairs {
		hit := func(name string) (float64, bool) {
			for _, m := range x.find(name, 0.88) {
				if m.Entry.ID == fmt.Sprint(i) {
					return m.Score, true
				}
			}
			return 0, false
		}
		for _, name := range p.same {
			if _, ok := hit(name); ok {
				found++
			} else {
				missed++
				t.Logf("missed: %s as %s", p.listed, name)
			}
		}
		for j, other := range pairs {
			names := other.others
			if i != j {
				names = append(append([]string{}, names...), other.same...)
			}
			for _, name := range names {
				if s, ok := hit(name); ok {
					wrong++
					t.Logf("wrong: %s for %s, %.3f", name, p.listed, s)
				} else {
					right++
				}
			}
		}
	}
	recall, precision := float64(found)/float64(found+missed), float64(found)/float64(found+wrong)
	t.Logf("recall %.3f (%d of %d), precision %.3f (%d wrong of %d who aren't it)", recall, found, found+missed, precision, wrong, wrong+right)
	if recall < 0.95 || precision < 0.95 {
		t.Errorf("recall %.3f, precision %.3f: want 0.95 of both", recall, precision)
	}
}

// people makes up names as they occur: some words often, most of them rarely.
func people(r *rand.Rand, n int) []string {
	syllables := strings.Fields("an ba cho da el fa gor ha is ja ka lo ma ne ov pe qu ra sa ti ul va wen xi ya zo mir slav dim han ber ton ski ez ian ger")
	word := func(i int) string {
		g := rand.New(rand.NewPCG(uint64(i), 7))
		s := ""
		for range 2 + g.IntN(3) {
			s += syllables[g.IntN(len(syllables))]
		}
		return s
	}
	list := make([]string, n)
	for i := range list {
		words := []string{word(int(r.ExpFloat64() * 300)), word(1_000_000 + int(r.ExpFloat64()*8000))}
		if r.IntN(3) == 0 {
			words = append(words, word(int(r.ExpFloat64()*300)))
		}
		list[i] = strings.Join(words, " ")
	}
	return list
}

// spoil makes a name into one that might be it.
func spoil(t *rapid.T, name string) string {
	words := strings.Fields(name)
	switch rapid.IntRange(0, 5).Draw(t, "how") {
	case 0:
		words = append(words[1:], words[0])
	case 1:
		w := []rune(words[len(words)-1])
		i := rapid.IntRange(0, len(w)-1).Draw(t, "letter")
		w[i] = rapid.RuneFrom([]rune("aeioubcdk")).Draw(t, "other")
		words[len(words)-1] = string(w)
	case 2:
		words[0] = words[0][:1] + "."
	case 3:
		words = []string{strings.Join(words[:2], "")}
	case 4:
		w := []rune(words[0])
		i := rapid.IntRange(0, len(w)-2).Draw(t, "letter")
		w[i], w[i+1] = w[i+1], w[i]
		words[0] = string(w)
	}
	return strings.Join(words, " ")
}

// TestTheIndexMissesNothing compares it with a comparison with each.
func TestTheIndexMissesNothing(t *testing.T) {
	t.Parallel()
	names := people(rand.New(rand.NewPCG(3, 4)), 800)
	var entries []Entry
	for i, name := range names {
		entries = append(entries, Entry{ID: fmt.Sprint(i), List: "test", Name: name})
	}
	for i, p := range pairs {
		entries = append(entries, Entry{ID: fmt.Sprint("p", i), List: "test", Name: p.listed, Aliases: p.same[:2]})
	}
	x := newIndex(entries)
	rapid.Check(t, func(t *rapid.T) {
		name := spoil(t, rapid.SampledFrom(names).Draw(t, "name"))
		threshold := rapid.Float64Range(0.7, 1).Draw(t, "threshold")
		a, b := x.find(name, threshold), x.scan(name, threshold)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("%q at %.3f: the index finds %v, a scan %v", name, threshold, a, b)
		}
	})
}

// FuzzScore: no two texts are alike in a way that isn't from 0 to 1, or in one
// direction only; and what has words is itself.
func FuzzScore(f *testing.F) {
	f.Add("Vladimir Petrov", "Владимир Петров")
	f.Add("A. B.", "Ab")
	f.Add("\xff\xfe", "习近平")
	f.Add("ÄÖÜ von der", "a o u")
	f.Fuzz(func(t *testing.T, a, b string) {
		one := func(string) float64 { return 1 }
		p, q := weigh(tokens(a), one), weigh(tokens(b), one)
		s := score(p, q)
		if s < 0 || s > 1.0000001 {
			t.Fatalf("%q and %q: %f", a, b, s)
		}
		for _, w := range []weighed{p, q} {
			whole := 0
			for _, word := range w.words {
				if word.raw == "" || word.fold == "" {
					t.Fatalf("an empty word in %q: %v", a, w.words)
				}
				if !word.particle() && !word.initial() {
					whole++
				}
			}
			if self := score(w, w); whole > 0 && self < 0.9999 {
				t.Fatalf("%v isn't itself: %f", w.words, self)
			}
		}
	})
}

// TestAScreeningTakesMilliseconds measures one name against 50,000 entries, by
// the index and one by one.
func TestAScreeningTakesMilliseconds(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a large list")
	}
	r := rand.New(rand.NewPCG(5, 6))
	var entries []Entry
	for i, name := range people(r, 50_000) {
		entries = append(entries, Entry{ID: fmt.Sprint(i), List: "test", Name: name})
	}
	began := time.Now()
	x := newIndex(entries)
	built := time.Since(began)
	asked := people(r, 100)
	began = time.Now()
	for _, name := range asked {
		x.find(name, 0.88)
	}
	each := time.Since(began) / time.Duration(len(asked))
	began = time.Now()
	for _, name := range asked[:3] {
		x.scan(name, 0.88)
	}
	naive := time.Since(began) / 3
	t.Logf("index of 50,000 names made in %s; a name takes %s, one by one %s: %.0f times as long", built, each, naive, float64(naive)/float64(each))
	if naive < 10*each {
		t.Errorf("the index gains only %.1f times", float64(naive)/float64(each))
	}
}
