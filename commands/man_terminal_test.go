package commands

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lunguard/commands/front"
	"lunguard/commands/words"
	"lunguard/man"
)

// Every applet has a page, and every page of a command an applet.
func TestPages(t *testing.T) {
	pages, err := man.Pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range applets().Applets {
		if p, err := man.Find("", a.Name); err != nil || !strings.Contains(p.Text, "\n     "+a.Name+" - ") {
			t.Errorf("%s: %v, no page with this name", a.Name, err)
		}
	}
	for _, p := range pages {
		if (p.Section == "8" || p.Section == "1m") && applets().Find(p.Name) == nil {
			t.Errorf("%s(%s): no such applet", p.Name, p.Section)
		}
	}
}

// On a terminal the page goes through the pager, whose arguments are what they
// are; elsewhere it does not.
func TestPagerOnTerminal(t *testing.T) {
	dir := t.TempDir()
	seen := filepath.Join(dir, "seen")
	program := filepath.Join(dir, "show")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$1\" >"+seen+"\ncat >>"+seen+"\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string {
		return map[string]string{"TERM": "xterm", "PAGER": program + " $HOME;x"}[name]
	}
	page, err := man.Find("", "pr_start")
	if err != nil {
		t.Fatal(err)
	}
	_, screen := terminal(t)
	defer screen.Close()
	for name, out := range map[string]io.Writer{"terminal": screen, "pipe": &strings.Builder{}} {
		_ = os.Remove(seen)
		s := front.Streams{In: strings.NewReader(""), Out: out, Err: io.Discard}
		if status := Run(context.Background(), s, getenv, []string{front.Self, front.ManWord, "pr_start"}); status != words.ExitOK {
			t.Errorf("%s: exit status %d", name, status)
		}
		got, err := os.ReadFile(seen)
		if name == "pipe" {
			if err == nil || out.(*strings.Builder).String() != page.Text {
				t.Errorf("%s: the pager had %d bytes", name, len(got))
			}
			continue
		}
		if want := "$HOME;x\n" + page.Text; string(got) != want {
			t.Errorf("%s: the pager had %d bytes, %d expected (%v)", name, len(got), len(want), err)
		}
	}
}
