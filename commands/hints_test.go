package commands

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lunguard/commands/catalogue"
)

var (
	// clauseEnd ends what one command line can be in a sentence.
	clauseEnd = regexp.MustCompile(`[;:,()]|\.(?:\s|$)|\band\b|\bor\b|\belse\b`)
	// ourName is a word that looks like the name of a command of ours.
	ourName = regexp.MustCompile(`^(?:pr|vg_pr)_[a-z_]+$|^cm[a-z]+$|^sg_persist$|^(?:fence_)?lunguard$`)
	// optionWord is an option, without its value.
	optionWord = regexp.MustCompile(`^(--?[a-zA-Z][-a-z]*)(?:=.*)?$`)
)

// theirs are programs of others that hints name with options, and words that look like
// a command of ours and are none.
var theirs = []string{"vgextend", "multipath", "ls", "lvs", "modinfo", "vgrename", "dmsetup", "echo", "journalctl", "mkdir", "corosync-cfgtool"}

// unknownWords are the commands and options in a text that nobody has. An option belongs
// to the command before it in its clause, or to that of the topic; where there is none
// any command will do.
func unknownWords(text, topic string, flags map[string][]string) []string {
	var list []string
	all := slices.Concat(slices.Collect(maps.Values(flags))...)
	for _, clause := range clauseEnd.Split(text, -1) {
		command := ""
		for _, word := range strings.Fields(clause) {
			word = strings.Trim(word, `'"`)
			if ourName.MatchString(word) && !isParameter(word) {
				if command = word; flags[word] == nil {
					list = append(list, word)
				}
				continue
			}
			if slices.Contains(theirs, word) {
				command = word
				continue
			}
			m := optionWord.FindStringSubmatch(word)
			if m == nil || slices.Contains(theirs, command) || slices.Contains([]string{"--help", "--man", "--version"}, m[1]) {
				continue
			}
			known := all
			if command == "" && flags[topic] != nil {
				command = topic
			}
			if command != "" {
				known = flags[command]
			}
			if !slices.Contains(known, m[1]) {
				list = append(list, strings.TrimSpace(command+" "+m[1]))
			}
		}
	}
	return list
}

// isParameter reports whether a word is one of the config or of an output, or what is
// said not to be there, which look like commands.
func isParameter(word string) bool {
	return slices.Contains([]string{"pr_enabled", "pr_disabled", "pr_mode", "cmprd", "cmcluster", "cmmodnet"}, word)
}

// optionsOf are the options of each command, with their dashes.
func optionsOf() map[string][]string {
	flags := map[string][]string{}
	for _, a := range applets().Applets {
		flags[a.Name] = []string{}
		for _, f := range a.Flags {
			for _, n := range f.Names() {
				dash := "--"
				if len(n) == 1 {
					dash = "-"
				}
				flags[a.Name] = append(flags[a.Name], dash+n)
			}
		}
	}
	return flags
}

// Every command and every option that a message or its hint names is there, and so is
// what the manual and the alerts tell to run.
func TestHintsExist(t *testing.T) {
	flags := optionsOf()
	checked := 0
	check := func(where, text, topic string) {
		for _, word := range unknownWords(text, topic, flags) {
			t.Errorf("%s: %q names %s, which does not exist", where, text, word)
		}
		checked++
	}
	for _, room := range rooms(t) {
		for _, m := range catalogue.Read(t, room) {
			check(room, m.Hint, m.Topic)
			if m.Kind == "finding" || m.Kind == "warning" {
				check(room, m.Text, m.Topic)
			}
		}
	}
	pages, err := filepath.Glob("../man/*")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := filepath.Glob("../man/messages/*.mdoc")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile(`(?m)^\.Ql ((?:pr_|vg_pr_key|cm|sg_persist|lunguard|fence_lunguard).*)$`)
	for _, page := range slices.Concat(pages, messages) {
		text, err := os.ReadFile(page)
		if err != nil || !regexp.MustCompile(`\.(1m|[578]|mdoc)$`).MatchString(page) {
			continue
		}
		for _, line := range quoted.FindAllStringSubmatch(string(text), -1) {
			check(page, line[1], "")
		}
	}
	rules, err := os.ReadFile("../dist/prometheus/lunguard.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range regexp.MustCompile(`(?m)^ *(?:summary|description): "(.*)"$`).FindAllStringSubmatch(string(rules), -1) {
		check("lunguard.rules.yml", line[1], "")
	}
	if checked < 400 {
		t.Errorf("%d texts were looked at", checked)
	}
}

// What the test above finds.
func TestUnknownWords(t *testing.T) {
	flags := map[string][]string{"pr_fence": {"--key"}, "pr_check": {"--repair"}, "pr_cleanup": {}}
	for text, want := range map[string]string{
		"run pr_check --repair":                             "",
		"where it is up, pr_fence --key 0xdead removes it":  "",
		"run pr_fences":                                     "pr_fences",
		"clear it with pr_cleanup --force":                  "pr_cleanup --force",
		"pr_fence takes it; --repair does not":              "",
		"vgextend --restoremissing takes it in":             "",
		"--nowhere sets it":                                 "--nowhere",
		"see vg_pr_key -g":                                  "vg_pr_key,vg_pr_key -g",
		"run it with pr_check --repair=all, or pr_fence -x": "pr_fence -x",
	} {
		if got := strings.Join(unknownWords(text, "", flags), ","); got != want {
			t.Errorf("%s: %q, %q expected", text, got, want)
		}
	}
}
