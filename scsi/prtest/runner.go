package prtest

import (
	"context"
	"fmt"
	"strings"

	"lunguard/scsi"
)

// testCase is one table.
type testCase struct {
	// name is a path of words, unique.
	name string
	// given is the state in which the unit is put first, in the notation of
	// observation.String. The reservation is made by its holder, or by the
	// first registrant.
	given string
	steps []step
}

// step is one command, and what must be so after it.
type step struct {
	// name tells two equal steps of a case apart.
	name string
	by   nexus
	do   command
	// want is the outcome, GOOD if empty.
	want string
	// after is the state that follows; empty is the one before, "-" is no
	// registration at all.
	after string
	// gen is how far PRGENERATION moves.
	gen int
	// ua lists the unit attentions that follow, as "B=2A/05 C=2A/04+2A/03".
	ua string
	// blind leaves them pending, and looks at nothing but the outcome.
	blind bool
}

func (s *step) title() string {
	title := s.do.name
	if !s.do.event() {
		title = s.by.String() + " " + title
	}
	if s.name != "" {
		title += ", " + s.name
	}
	return title
}

func (s *step) outcome() string {
	if s.want == "" {
		return good
	}
	return s.want
}

// good and conflict are the outcomes that have no sense data.
const (
	good     = "GOOD"
	conflict = "RC"
	// cutWrong is a GOOD answer that is not the beginning of the whole one.
	cutWrong = "GOOD, cut wrong"
)

// possible reports whether the bench has all that the case needs.
func (tc *testCase) possible(bench *Bench) bool {
	for _, s := range tc.steps {
		if s.do.happens != nil && !s.do.offered(bench) {
			return false
		}
	}
	return true
}

// run is a case under way.
type run struct {
	bench *Bench
	tc    *testCase
	last  observation
}

func (r *run) all(ctx context.Context) error {
	if _, err := r.attentions(ctx); err != nil {
		return err
	}
	if err := r.bench.learn(ctx); err != nil {
		return fmt.Errorf("finding out who is who: %w", err)
	}
	if err := r.prepare(ctx); err != nil {
		return fmt.Errorf("preparing %q: %w", r.tc.given, err)
	}
	for i := range r.tc.steps {
		s := r.tc.steps[i]
		if dev, ok := r.bench.Deviations.find(r.tc, &s); ok {
			s = dev.apply(s)
		}
		if err := r.step(ctx, &s); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.title(), err)
		}
	}
	return nil
}

// prepare puts the unit into the given state.
func (r *run) prepare(ctx context.Context) error {
	g, err := parseState(r.tc.given)
	if err != nil {
		return err
	}
	for _, reg := range g.regs {
		if err := r.must(ctx, reg.who, register(0, reg.key).with(aptplIf(g.aptpl))); err != nil {
			return err
		}
	}
	for i, reg := range g.regs {
		if g.typ != 0 && (reg.holder || g.typ.AllRegistrants() && i == 0) {
			if err := r.must(ctx, reg.who, reserve(reg.key, g.typ)); err != nil {
				return err
			}
		}
	}
	if _, err := r.attentions(ctx); err != nil {
		return err
	}
	r.last, err = observe(ctx, r.bench)
	if err != nil {
		return err
	}
	if got := r.last.String(); got != normal(r.tc.given) {
		return fmt.Errorf("state is %q", got)
	}
	return nil
}

func (r *run) must(ctx context.Context, by nexus, do command) error {
	got, err := do.outcome(ctx, r.bench, by)
	if err == nil && got != good {
		err = fmt.Errorf("%s %s: %s", by, do.name, got)
	}
	return err
}

// step does one step and compares all there is.
func (r *run) step(ctx context.Context, s *step) error {
	got, err := s.do.outcome(ctx, r.bench, s.by)
	if err != nil {
		return err
	}
	var wrong []string
	if got != s.outcome() {
		wrong = append(wrong, fmt.Sprintf("outcome %s, want %s", got, s.outcome()))
	}
	if s.blind {
		return report(wrong)
	}
	uas, err := r.attentions(ctx)
	if err != nil {
		return err
	}
	if uas != s.ua {
		wrong = append(wrong, fmt.Sprintf("unit attentions %q, want %q", uas, s.ua))
	}
	now, err := observe(ctx, r.bench)
	if err != nil {
		return err
	}
	after := r.last.String()
	if s.after != "" {
		after = normal(s.after)
	}
	if now.String() != after {
		wrong = append(wrong, fmt.Sprintf("state %q, want %q", now, after))
	}
	gen := r.last.generation + uint32(s.gen)
	if s.do.resetsGeneration {
		gen = uint32(s.gen)
	}
	if now.generation != gen {
		wrong = append(wrong, fmt.Sprintf("PRGENERATION %d, want %d", now.generation, gen))
	}
	r.last = now
	return report(wrong)
}

func report(wrong []string) error {
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(wrong, "; "))
}

// attentions drains the unit attentions of all nexuses.
func (r *run) attentions(ctx context.Context) (string, error) {
	var words []string
	for i, p := range r.bench.Paths {
		var codes []string
		for {
			reply, err := p.Transport.Do(ctx, &scsi.Request{CDB: make([]byte, 6)})
			if err != nil {
				return "", err
			}
			sense, err := scsi.DecodeSense(reply.Sense)
			if reply.Status != scsi.CheckCondition || err != nil || sense.Key != scsi.UnitAttention {
				break
			}
			codes = append(codes, code(sense.ASC))
			if len(codes) > 20 {
				return "", fmt.Errorf("nexus %s: unit attentions do not end", nexus(i))
			}
		}
		if codes != nil {
			words = append(words, nexus(i).String()+"="+strings.Join(codes, "+"))
		}
	}
	return strings.Join(words, " "), nil
}

func code(asc scsi.ASC) string { return fmt.Sprintf("%02X/%02X", uint8(asc>>8), uint8(asc)) }
