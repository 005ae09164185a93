package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// chart is a picture of lines on two logarithmic axes.
type chart struct {
	title, x, y, unit string
	series            []series
}

// series is one line. Ours is drawn stronger.
type series struct {
	label  string
	ours   bool
	points []point
}

// point is a median with its spread. All are greater than 0.
type point struct{ x, y, low, high float64 }

// Measures of the picture, in pixels.
const (
	chartWidth, chartHeight = 820, 440
	plotLeft, plotTop       = 78, 56
	plotRight, plotBottom   = 580, 380
	labelGap                = 18 // between labels at the ends of lines
)

// axis maps a logarithmic range to pixels.
type axis struct {
	low, high float64 // powers of ten or the values' own ends
	from, to  float64 // pixels
}

func (a axis) at(v float64) float64 {
	return a.from + (a.to-a.from)*(math.Log(v)-math.Log(a.low))/(math.Log(a.high)-math.Log(a.low))
}

// svg draws the chart. It suits light and dark pages, and says itself what it
// shows to those who cannot see it. A chart without points is a title.
func (c *chart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
<title>%s</title>
<desc>%s</desc>
%s<rect class="page" width="%d" height="%d"/>
<text class="title" x="%d" y="30">%s</text>
`, chartWidth, chartHeight, chartWidth, chartHeight, escape(c.title), escape(c.title), escape(c.words()), chartStyle, chartWidth, chartHeight, plotLeft, escape(c.title))
	if xs, ys, ok := c.ranges(); ok {
		h := axis{xs[0], xs[len(xs)-1], plotLeft, plotRight}
		if h.low == h.high {
			h.high *= 2
		}
		v := axis{ys[0], ys[1], plotBottom, plotTop}
		c.grid(&b, h, v, xs)
		c.lines(&b, h, v)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// chartStyle has the colours, of which each can be told from the others by those
// who see no red or green.
const chartStyle = `<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 }
.page { fill: #ffffff }
.grid { stroke: #d8dee4; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
.ours { stroke-width: 3.5 }
.c0 { stroke: #d55e00 } .f0 { fill: #d55e00 }
.c1 { stroke: #9a6b00 } .f1 { fill: #9a6b00 }
.c2 { stroke: #b0437f } .f2 { fill: #b0437f }
.c3 { stroke: #57606a } .f3 { fill: #57606a }
.c9 { stroke: #0072b2 } .f9 { fill: #0072b2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.page { fill: #0d1117 }
.grid { stroke: #30363d }
.c0 { stroke: #ff8a3d } .f0 { fill: #ff8a3d }
.c1 { stroke: #e6b422 } .f1 { fill: #e6b422 }
.c2 { stroke: #f08bc0 } .f2 { fill: #f08bc0 }
.c3 { stroke: #9aa4af } .f3 { fill: #9aa4af }
.c9 { stroke: #58b4f0 } .f9 { fill: #58b4f0 }
}
</style>
`

// ranges are the x values that occur, ascending, and the powers of ten around
// the y values.
func (c *chart) ranges() (xs []float64, ys [2]float64, ok bool) {
	low, high := math.Inf(1), 0.0
	for _, s := range c.series {
		for _, p := range s.points {
			xs = append(xs, p.x)
			low, high = min(low, p.low), max(high, p.high)
		}
	}
	if len(xs) == 0 {
		return nil, ys, false
	}
	slices.Sort(xs)
	ys[0], ys[1] = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	if ys[0] == ys[1] {
		ys[1] *= 10
	}
	return slices.Compact(xs), ys, true
}

// grid draws both axes: a line at each x that was measured and at each power of
// ten of y.
func (c *chart) grid(b *strings.Builder, h, v axis, xs []float64) {
	for _, x := range xs {
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n",
			h.at(x), plotTop, h.at(x), plotBottom, h.at(x), plotBottom+20, x)
	}
	for y := v.low; y <= v.high*1.001; y *= 10 {
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%g %s</text>`+"\n",
			plotLeft, v.at(y), plotRight, v.at(y), plotLeft-8, v.at(y)+4, math.Round(y*1e6)/1e6, c.unit)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (plotLeft+plotRight)/2, plotBottom+44, escape(c.x))
}

// lines draws the series with their spread, and their names at their ends.
func (c *chart) lines(b *strings.Builder, h, v axis) {
	type end struct {
		y     float64
		label string
		class int
	}
	var ends []end
	for i, s := range c.series {
		class, extra := i%4, ""
		if s.ours {
			class, extra = 9, " ours"
		}
		points := slices.SortedFunc(slices.Values(s.points), func(a, b point) int { return cmp.Compare(a.x, b.x) })
		var path []string
		for _, p := range points {
			x, y := h.at(p.x), v.at(p.y)
			path = append(path, fmt.Sprintf("%.1f,%.1f", x, y))
			fmt.Fprintf(b, `<line class="line c%d" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/><circle class="f%d" cx="%.1f" cy="%.1f" r="4"><title>%s, %g: %s %s</title></circle>`+"\n",
				class, x, v.at(p.low), x, v.at(p.high), class, x, y, escape(s.label), p.x, digits(p.y), c.unit)
		}
		fmt.Fprintf(b, `<polyline class="line%s c%d" points="%s"/>`+"\n", extra, class, strings.Join(path, " "))
		if n := len(points); n > 0 {
			last := points[n-1]
			ends = append(ends, end{v.at(last.y), fmt.Sprintf("%s, %s %s", s.label, digits(last.y), c.unit), class})
		}
	}
	slices.SortFunc(ends, func(a, b end) int { return cmp.Compare(a.y, b.y) })
	for i, e := range ends {
		if i > 0 {
			e.y = max(e.y, ends[i-1].y+labelGap)
			ends[i] = e
		}
		fmt.Fprintf(b, `<text class="f%d" x="%d" y="%.1f">%s</text>`+"\n", e.class, plotRight+12, e.y+4, escape(e.label))
	}
}

// words tell what the picture shows.
func (c *chart) words() string {
	var list []string
	for _, s := range c.series {
		var values []string
		for _, p := range s.points {
			values = append(values, fmt.Sprintf("%g: %s %s", p.x, digits(p.y), c.unit))
		}
		list = append(list, s.label+" "+strings.Join(values, ", "))
	}
	return c.y + " by " + c.x + ". " + strings.Join(list, ". ")
}

// escape makes text fit for XML.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
