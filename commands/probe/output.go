package probe

import (
	"fmt"
	"strings"
	"time"

	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/words"
	"lunguard/probe"
)

// result is what a trial has found, and of what.
type result struct {
	*probe.Report
	target *target
	cut    int
}

// line is what is said of one check.
type line struct {
	check  probe.Check
	result probe.Result
	// seen is what was seen, way what the commands do.
	seen, way []string
}

// lines has one for each check, with the worst result.
func (r *result) lines() []line {
	var list []line
	at := map[probe.Check]int{}
	for _, f := range r.Findings {
		i, ok := at[f.Check]
		if !ok {
			i = len(list)
			at[f.Check], list = i, append(list, line{check: f.Check, result: f.Result})
		}
		l := &list[i]
		l.result = worse(l.result, f.Result)
		if f.Why != "" && len(l.seen) < 3 {
			l.seen = append(l.seen, picture.Printable(f.Why))
		}
		if w := way(f.Quirk); w != "" && f.Result == probe.Otherwise {
			l.way = append(l.way, w)
		}
	}
	return list
}

// worse is the one that matters more.
func worse(a, b probe.Result) probe.Result {
	rank := [...]int{probe.Kept: 0, probe.Otherwise: 1, probe.NotTried: 2, probe.Untried: 3, probe.Broken: 4}
	if rank[a] >= rank[b] {
		return a
	}
	return b
}

// notes are the figures, a line each.
func (r *result) notes() []string {
	var list []string
	if r.cut > 0 {
		list = append(list, fmt.Sprintf("an earlier run was cut short: taken off: %s that it has left", words.Plural(r.cut, "registration")))
	}
	list = append(list, r.leftBlock()...)
	if r.Preemption > 0 {
		list = append(list, fmt.Sprintf("PREEMPT AND ABORT while 8 writers write: %v, after %s", r.Preemption.Round(100*time.Microsecond), words.Plural(r.Writes, "write")))
	}
	switch {
	case r.Limited:
		list = append(list, fmt.Sprintf("registrations: %d at most", r.Limit))
	case r.Limit > 0:
		list = append(list, fmt.Sprintf("registrations: %d at once, and perhaps more", r.Limit))
	}
	if q := r.Quirks(); q != "" {
		list = append(list, "a simulated one does the same after: lunguard sim quirks FILE "+q)
	}
	if r.Joint != nil {
		list = append(list, "what was found is told by the other run")
	}
	return list
}

// leftBlock says what became of the scratch block of an earlier run, where one is known of.
func (r *result) leftBlock() []string {
	m := r.target.options.Memory
	switch {
	case m != nil && m.Left != nil:
		return []string{fmt.Sprintf("block %d may still have what an earlier run wrote: it is restored by a run on this host that is not led by another", m.Left.LBA)}
	case r.Left != nil && r.Left.Since:
		return []string{fmt.Sprintf("block %d, which an earlier run wrote, was written by others since, and left alone", r.Left.LBA)}
	case r.Left != nil:
		return []string{fmt.Sprintf("block %d, which an earlier run wrote, is again what it was", r.Left.LBA)}
	case r.cut > 0 && !r.target.remembered:
		return []string{"its scratch block, if it had one and on another host, is restored by a run there, or by one with the same --scratch if it was empty"}
	}
	return nil
}

// print prints the report in the form that was asked for.
func (r *result) print(c *front.Call) error {
	switch {
	case c.Flags.Bool(front.JSONOption):
		c.Document = r.document()
		return nil
	case c.Flags.Bool("html"):
		return r.sheet().HTML(front.Raw(c.Out))
	}
	return r.text(c)
}

// text is the report for people.
func (r *result) text(c *front.Call) error {
	err := front.PrintTable(c.Out, []string{"RESULT", "CHECK", "SEEN"}, func(add func(...string)) {
		for _, l := range r.lines() {
			add(l.result.String(), string(l.check), strings.Join(l.seen, "; "))
		}
	})
	if err != nil {
		return err
	}
	c.Printf("\n")
	for _, l := range r.lines() {
		for _, w := range l.way {
			c.Printf("%s: %s\n", l.check, w)
		}
	}
	for _, note := range r.notes() {
		c.Printf("%s\n", note)
	}
	c.Printf("%s: %s\n", picture.Printable(r.target.order.device), r.verdict())
	return nil
}

// verdict is the verdict, and the checks that are the reason of one that is not fit.
func (r *result) verdict() string {
	reason := map[probe.Verdict]probe.Result{probe.Unfit: probe.Broken, probe.Unknown: probe.Untried}[r.Verdict()]
	text, between := r.Verdict().String(), ": "
	for _, l := range r.lines() {
		if reason != probe.NotTried && l.result == reason {
			text, between = text+between+string(l.check), ", "
		}
	}
	return text
}

// sheet is the report as a page.
func (r *result) sheet() *picture.Sheet {
	table := picture.Table{Header: []string{"check", "result", "seen", "what the commands do"}}
	moods := [...]picture.Mood{probe.Otherwise: picture.Warning, probe.NotTried: picture.Plain, probe.Untried: picture.Warning, probe.Broken: picture.Grave}
	for _, l := range r.lines() {
		table.Rows = append(table.Rows, picture.Row{Mood: moods[l.result], Cells: []string{string(l.check), l.result.String(), strings.Join(l.seen, "; "), strings.Join(l.way, "; ")}})
	}
	verdicts := [...]picture.Mood{probe.Fit: picture.Good, probe.FitWith: picture.Good, probe.Unfit: picture.Grave, probe.Unknown: picture.Grave}
	return &picture.Sheet{
		Title: r.target.order.device, Lead: r.Verdict().String(), Mood: verdicts[r.Verdict()], Time: time.Now(),
		Notes: append([]string{"The " + string(r.Kind) + " " + r.target.disk.WWID}, r.notes()...), Tables: []picture.Table{table},
	}
}

// document is what --json prints.
type document struct {
	front.Envelope
	LUN      string         `json:"lun"`
	WWID     string         `json:"wwid"`
	Kind     string         `json:"kind"`
	Verdict  string         `json:"verdict"`
	Quirks   string         `json:"quirks"`
	Leftover int            `json:"left_over"`
	Block    *shownBlock    `json:"left_block"`
	Findings []shownFinding `json:"findings"`
	// What follows is null if it was not tried.
	Preemption *float64 `json:"preempt_and_abort_ms"`
	Writes     *int     `json:"writes_before"`
	Limit      *int     `json:"registrations"`
	Limited    bool     `json:"registrations_limited"`
}

// shownBlock is the scratch block of an earlier run: restored, changed since, or left.
type shownBlock struct {
	Block uint32 `json:"block"`
	State string `json:"state"`
}

type shownFinding struct {
	Check  string `json:"check"`
	Result string `json:"result"`
	Seen   string `json:"seen"`
	Way    string `json:"way"`
	Quirk  string `json:"quirk"`
}

func (r *result) document() *document {
	d := &document{LUN: r.target.order.device, WWID: r.target.disk.WWID, Kind: string(r.Kind), Verdict: r.Verdict().String(),
		Quirks: r.Quirks(), Leftover: r.cut, Findings: []shownFinding{}, Limited: r.Limited}
	switch m := r.target.options.Memory; {
	case m != nil && m.Left != nil:
		d.Block = &shownBlock{m.Left.LBA, "left"}
	case r.Left != nil && r.Left.Since:
		d.Block = &shownBlock{r.Left.LBA, "changed"}
	case r.Left != nil:
		d.Block = &shownBlock{r.Left.LBA, "restored"}
	}
	for _, f := range r.Findings {
		d.Findings = append(d.Findings, shownFinding{string(f.Check), f.Result.String(), picture.Printable(f.Why), way(f.Quirk), f.Quirk})
	}
	if r.Preemption > 0 {
		ms := float64(r.Preemption) / float64(time.Millisecond)
		d.Preemption, d.Writes = &ms, &r.Writes
	}
	if r.Limit > 0 {
		d.Limit = &r.Limit
	}
	return d
}
