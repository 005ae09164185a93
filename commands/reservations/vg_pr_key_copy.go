package reservations

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// copyGroups copies keys within each of the groups.
func copyGroups(c *front.Call, groups []string) error {
	s, err := session.New(c)
	if err != nil {
		return err
	}
	for i, name := range groups {
		if c.Ctx.Err() != nil {
			c.Fail(&notCopiedError{groups[i:]})
			break
		}
		group, err := s.Group(name)
		if err != nil {
			c.Fail(err)
			continue
		}
		pkg := &cluster.Package{Name: group.Name, Type: typeOf(s.Conf, group.Name), Groups: []string{name}}
		err = s.WithPackage(pkg, func(run *session.PackageRun, o *session.Opened) error {
			// -v speaks of keys here, not of commands.
			say := o.Say
			o.Say = func(e protocol.Event) {
				if !e.Change() {
					say(e)
				}
			}
			var copied []protocol.Copied
			err := s.Perform(run, o, session.Task{Deed: front.DeedCopy, Group: group.Name}, func(ctx context.Context) (err error) {
				copied, err = run.CopyKeys(ctx)
				return err
			})
			if c.Verbose() && !o.Rehearse {
				printCopied(c, group.Name, copied, err)
			}
			return err
		})
		if err != nil {
			c.Fail(err)
		}
	}
	return nil
}

// typeOf is the type of the package that has a group. Any group may be copied, whether a
// package has it or not: then several nodes may share it.
func typeOf(conf *cluster.Config, group string) cluster.PackageType {
	for _, p := range conf.Packages {
		if slices.Contains(p.Groups, group) {
			return p.Type
		}
	}
	return cluster.MultiNode
}

// notCopiedError says which groups were not looked at.
type notCopiedError struct{ groups []string }

func (e *notCopiedError) Error() string {
	return "not begun after the signal: volume group " + strings.Join(e.groups, ", ")
}

func (e *notCopiedError) Message() words.Message {
	return words.Message{What: e.Error(), Status: words.ExitFailed}
}

// printCopied tells what was copied, in the vendor's words.
func printCopied(c *front.Call, group string, copied []protocol.Copied, err error) {
	fmt.Fprintf(c.Out, "Volume Group: /dev/%s\n", group)
	session.PrintCopiedKeys(c, copied)
	if err == nil {
		fmt.Fprintf(c.Out, "Successfully copied PR keys to all physical volumes in volume group /dev/%s\n", group)
	}
}
