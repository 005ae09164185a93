package commands

import (
	"slices"
	"testing"

	"lunguard/commands/catalogue"
	"lunguard/commands/front"
)

// messageGroups are the groups of lunguard-messages(7).
func messageGroups(t *testing.T) map[string]catalogue.Group {
	t.Helper()
	groups, err := catalogue.ReadGroups("../man/messages")
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// The manual has each message, and no other; each says what it means, and stands there
// once.
func TestMessageItems(t *testing.T) {
	groups, all := messageGroups(t), catalogued(t)
	seen := map[string]string{}
	for _, g := range groups {
		for _, i := range g.Items() {
			if !i.SaysEnough() {
				t.Errorf("%s: item %s: too little said", g.Name, i.Text)
			}
			if there := seen[i.Text]; there != "" {
				t.Errorf("item %s stands in %s and in %s", i.Text, there, g.Name)
			}
			seen[i.Text] = g.Name
			// A fault of the config is part of a message; package cluster compares it.
			if g.Name != "cluster.conf" && !slices.ContainsFunc(all, func(m catalogue.Message) bool {
				return (m.Topic == g.Name || g.SaidBy(m.Topic) || slices.Contains(i.Also, m.Topic)) && i.About(m.Text)
			}) {
				t.Errorf("%s: item %s: no such message", g.Name, i.Text)
			}
		}
	}
	for _, m := range all {
		if m.Topic == "" || catalogue.Explained(groups[m.Topic].Items(), m.Text) {
			continue
		}
		by := groups[m.Topic].By
		if applets().Find(m.Topic) != nil {
			by = []string{m.Topic}
		}
		if len(by) == 0 || slices.ContainsFunc(by, func(name string) bool { return !catalogue.Explained(catalogue.ItemsOf(groups, name), m.Text) }) {
			t.Errorf("messages/%s.mdoc: no item for: %s\n\thint: %s", m.Topic, m.Text, m.Hint)
		}
	}
}

// The manual says of each message who says it: what an option can be wrong in, those
// that have the option.
func TestMessagesSaidBy(t *testing.T) {
	groups := messageGroups(t)
	for _, a := range applets().Applets {
		if !groups["usage"].SaidBy(a.Name) {
			t.Errorf("usage is not said by %s", a.Name)
		}
		if a.PlanJSON != groups["plan"].SaidBy(a.Name) {
			t.Errorf("plan is said by %s: %v", a.Name, !a.PlanJSON)
		}
		for flag, group := range map[string]string{
			"config": "config", "sim": "sim", "timeout": "timeout", "scan": "scan", "log": "syslog", "color": "table", "strict": "strict",
		} {
			// Two commands have another name for it, and lunguard hands it on to sim.
			has := slices.Contains(flagNames(a), flag) || flag == "config" && slices.Contains(flagNames(a), "conf") || flag == "sim" && a.Name == front.Self
			// The times of pr_watchdog are of another kind, the parameters of a fence agent, too.
			if has != groups[group].SaidBy(a.Name) && a.Main == nil && (a.Name != "pr_watchdog" || flag != "timeout") {
				t.Errorf("%s is said by %s: %v, though --%s is an option of it: %v", group, a.Name, !has, flag, has)
			}
		}
	}
	for _, g := range groups {
		for _, name := range g.By {
			if !says(name) {
				t.Errorf("%s: nobody is called %s", g.Name, name)
			}
		}
		for _, i := range g.Items() {
			for _, name := range i.Also {
				if g.SaidBy(name) || !says(name) {
					t.Errorf("%s: item %s is not also said by %s", g.Name, i.Text, name)
				}
			}
		}
	}
}

// says reports whether somebody with that name can say something.
func says(name string) bool {
	return name == "all" || name == "ocf_lunguard_package" || slices.ContainsFunc(applets().Applets, func(a *front.Applet) bool { return a.Name == name })
}
