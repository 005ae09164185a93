package catalogue

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Group is a file of man/messages: messages that the same commands say. All of them
// together are the page lunguard-messages(7).
type Group struct {
	Name, Title string
	// By are the commands that say them; all of them if it is just the word all.
	By []string
	// Lines are its text in mdoc(7), without its head.
	Lines []string
}

// ReadGroups reads the groups in a folder by their names.
func ReadGroups(dir string) (map[string]Group, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.mdoc"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%d groups of messages in %s: %w", len(files), dir, err)
	}
	groups := map[string]Group{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		title, rest, _ := strings.Cut(string(text), "\n")
		by, rest, _ := strings.Cut(rest, "\n")
		title, titled := strings.CutPrefix(title, `.\" title: `)
		by, said := strings.CutPrefix(by, `.\" said by: `)
		if !titled || !said || !strings.HasPrefix(rest, ".It ") {
			return nil, fmt.Errorf("%s: a title, who says it and a message were expected", file)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".mdoc")
		groups[name] = Group{Name: name, Title: title, By: strings.Fields(by), Lines: strings.Split(strings.TrimSuffix(rest, "\n"), "\n")}
	}
	return groups, nil
}

// SaidBy reports whether a command says the messages of the group.
func (g Group) SaidBy(name string) bool {
	return slices.Contains(g.By, name) || slices.Equal(g.By, []string{"all"})
}

// Item is one message of a group, with words such as DEVICE in place of what differs.
type Item struct {
	Group, Text string
	// Body is what stands below it.
	Body string
	// Also are commands that say this one, but not the rest of the group.
	Also []string
}

// Items are the messages of the group.
func (g Group) Items() []Item {
	var list []Item
	for _, line := range g.Lines {
		item, isItem := strings.CutPrefix(line, ".It ")
		also, isAlso := strings.CutPrefix(line, `.\" also: `)
		switch last := len(list) - 1; {
		case isItem:
			list = append(list, Item{Group: g.Name, Text: unroff(item)})
		case last < 0:
		case isAlso:
			list[last].Also = strings.Fields(also)
		default:
			list[last].Body += line + "\n"
		}
	}
	// Items on each other's heels have one text.
	for n := len(list) - 2; n >= 0; n-- {
		if list[n].Body == "" {
			list[n].Body, list[n].Also = list[n+1].Body, list[n+1].Also
		}
	}
	return list
}

// ItemsOf are the messages that a command says.
func ItemsOf(groups map[string]Group, name string) []Item {
	var list []Item
	for _, g := range groups {
		for _, i := range g.Items() {
			if g.SaidBy(name) || slices.Contains(i.Also, name) {
				list = append(list, i)
			}
		}
	}
	return list
}

// unroff takes the escapes out of a line.
func unroff(line string) string {
	return strings.NewReplacer(`\(dq`, `"`, `\&`, "", `\e`, `\`, `\-`, "-", `\(aq`, "'").Replace(line)
}

// placeholders stand in an item for what differs.
func placeholders() *regexp.Regexp {
	return regexp.MustCompile(`\b(LUN|DEVICE|PATH|GROUP|PACKAGE|NODE|NODES|KEY|KEYS|FILE|NUMBER|TIME|VALUE|OPTION|TEXT)\b`)
}

// About reports whether an item is about a message.
func (i Item) About(text string) bool {
	parts := placeholders().Split(i.Text, -1)
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	for n, p := range parts {
		parts[n] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(`^` + strings.Join(parts, `.+`) + `$`).MatchString(text)
}

// Explained reports whether one of the items is about a message.
func Explained(items []Item, text string) bool {
	return slices.ContainsFunc(items, func(i Item) bool { return i.About(text) })
}

// literal counts the letters that are no placeholder.
func (i Item) literal() int {
	return len(regexp.MustCompile(`[^a-zA-Z"]`).ReplaceAllString(strings.ReplaceAll(placeholders().ReplaceAllString(i.Text, ""), `"`, `""""`), ""))
}

// SaysEnough reports whether an item tells something of its own, and its body, too.
func (i Item) SaysEnough() bool { return i.literal() >= 4 && len(strings.TrimSpace(i.Body)) >= 20 }
