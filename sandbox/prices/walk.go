package prices

import (
	"math"
)

// factor is a movement that many instruments share.
type factor string

const (
	shares factor = "shares"
	coins  factor = "coins"
)

// usual daily moves of the factors.
var factorVol = map[factor]float64{shares: 0.0085, coins: 0.026}

// lean is what is left of a deviation from the trend a day later: half is gone
// after about a year.
const lean = 0.9972

// path is one walk, kept day by day from the epoch: how far the logarithm of a
// price is from its trend. It is extended, never rewritten.
type path struct {
	deviation []float64 // by day since the epoch
	variance  float64   // today's, of the GARCH recursion, in units of its mean
	last      float64   // yesterday's shock, in units of its mean deviation
}

// extend walks p up to day d. key names its random numbers, vol its usual move.
func (p *path) extend(seed uint64, key string, vol float64, kind Kind, d day) {
	for len(p.deviation) <= int(d-epoch) {
		if len(p.deviation) == 0 {
			p.deviation = append(p.deviation, 0)
			p.variance = 1
			continue
		}
		today := epoch + day(len(p.deviation))
		before := p.deviation[len(p.deviation)-1]
		if !opens(kind, today) {
			p.deviation = append(p.deviation, before)
			continue
		}
		// GARCH(1,1) with persistence 0.98: a stormy day makes the next stormier.
		p.variance = 0.02 + 0.90*p.variance + 0.08*p.last*p.last
		draw := draws(seed, key, today)
		p.last = math.Min(math.Max(draw.studentT(), -9), 9) * math.Sqrt(p.variance)
		p.deviation = append(p.deviation, before*lean+vol*p.last)
	}
}

// factorOf returns the shared movement of a kind.
func factorOf(k Kind) factor {
	if k == Crypto {
		return coins
	}
	return shares
}

// level returns the unrounded price at the close of d. On days without trading
// it is the last close, apart from the trend's crawl, which is cut to the last
// trading day too.
func (m *Market) level(in Instrument, d day) float64 {
	for !opens(in.Kind, d) && d > epoch {
		d--
	}
	if d < epoch {
		d = epoch
	}
	m.mu.Lock()
	defer m.mu.Unlock()

	f := factorOf(in.Kind)
	common, ok := m.factors[f]
	if !ok {
		common = &path{}
		m.factors[f] = common
	}
	own, ok := m.series[in.Symbol]
	if !ok {
		own = &path{}
		m.series[in.Symbol] = own
	}
	common.extend(m.seed, "factor:"+string(f), factorVol[f], in.Kind, d)
	own.extend(m.seed, in.Symbol, in.Vol, in.Kind, d)

	i := int(d - epoch)
	years := float64(d-anchor) / 365.25
	level := in.Base * math.Exp(in.Drift*years+in.Beta*common.deviation[i]+own.deviation[i])
	if in.Split > 1 {
		n := in.splitsBetween(epoch, d) - in.splitsBetween(epoch, anchor)
		level /= math.Pow(float64(in.Split), float64(n))
	}
	return level
}

// intraday is the price at a point of the session of d, progress from 0 to 1.
// The path starts at an open between yesterday's close and today's, and ends
// exactly at today's close; between, it is a Brownian bridge by midpoints.
func (m *Market) intraday(in Instrument, d day, progress float64) float64 {
	before := m.level(in, d-1)
	if in.splits(d) {
		before /= float64(in.Split)
	}
	closing := m.level(in, d)
	open := before
	if in.Kind != Crypto {
		gap := draws(m.seed, in.Symbol+"/open", d)
		open = before * math.Exp(math.Log(closing/before)*(0.25+0.15*gap.uniform()))
	}
	sigma := 0.6 * math.Hypot(in.Vol, in.Beta*factorVol[factorOf(in.Kind)])
	lo, hi := 0.0, 1.0
	atLo, atHi := math.Log(open), math.Log(closing)
	node := uint64(1) // its binary digits are the way down
	for range 9 {     // 512 steps: under a minute in New York, three for crypto
		mid := (lo + hi) / 2
		noise := draws(m.seed, in.Symbol+"/bridge", d+day(node)<<20)
		atMid := (atLo+atHi)/2 + noise.normal()*sigma*math.Sqrt(hi-lo)/2
		if progress < mid {
			hi, atHi = mid, atMid
			node <<= 1
		} else {
			lo, atLo = mid, atMid
			node = node<<1 | 1
		}
	}
	return math.Exp(atLo + (atHi-atLo)*(progress-lo)/(hi-lo))
}

// stream is a short run of random numbers that belongs to one key.
type stream struct{ state uint64 }

// draws starts the stream of (seed, key, day): FNV-1a over the key, then
// SplitMix64. Spelled out here because the numbers may never change.
func draws(seed uint64, key string, d day) *stream {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	s := &stream{state: seed ^ h}
	s.state ^= s.next() + uint64(d)*0x9e3779b97f4a7c15
	s.next()
	return s
}

func (s *stream) next() uint64 {
	s.state += 0x9e3779b97f4a7c15
	z := s.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// uniform is in (0, 1).
func (s *stream) uniform() float64 { return (float64(s.next()>>11) + 0.5) / (1 << 53) }

// normal is standard normal, by Box and Muller.
func (s *stream) normal() float64 {
	return math.Sqrt(-2*math.Log(s.uniform())) * math.Cos(2*math.Pi*s.uniform())
}

// studentT has five degrees of freedom, scaled to variance 1.
func (s *stream) studentT() float64 {
	n := s.normal()
	chi := 0.0
	for range 5 {
		x := s.normal()
		chi += x * x
	}
	return n / math.Sqrt(chi/5) * math.Sqrt(3.0/5)
}
