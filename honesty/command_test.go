package honesty

import (
	"context"
	"fmt"
	"strings"
)

// promise is what exit status 0 says.
type promise struct {
	// words are for people.
	words string
	// broken finds what is not so.
	broken func(*outcome) lies
}

// reader judges what a command has printed, whatever its exit status.
type reader func(*outcome) lies

// command is a command in a world, and what its exit status 0 promises.
type command struct {
	group, name string
	world       world
	// least is how many LUNs there have to be.
	least int
	// argv may have DISK and VOLUME, the faulty path and its LUN, and DIR, a folder.
	argv string
	// does is done instead of a command line.
	does    func(context.Context, site, *outcome) error
	promise promise
	reads   reader
	// pipe says that the command passes one answer of the device on as it came.
	pipe bool
}

// words are the arguments in a cell.
func (c *command) words(x *cell, dir string) []string {
	r := strings.NewReplacer("DISK", disk(x.at, x.path), "VOLUME", volume(x.at), "DIR", dir)
	return strings.Fields(r.Replace(c.argv))
}

// The promises.

func owned(nodes ...string) promise {
	return promise{strings.Join(nodes, " and ") + " alone can write, through each path of which nobody was told", func(o *outcome) lies { return o.truth.ownedBy(o, nodes...) }}
}

func left() promise {
	return promise{"nothing of " + here + " is left", func(o *outcome) lies { return o.truth.leftBy(here) }}
}

func leftTo() promise {
	return promise{"nothing of " + here + " is left, and " + there + " alone can write", func(o *outcome) lies {
		return append(o.truth.leftBy(here), o.truth.ownedBy(o, there)...)
	}}
}

func cleared() promise {
	return promise{"nothing of anybody is left", func(o *outcome) lies { return o.truth.free() }}
}

func fencedOff() promise {
	return promise{there + " cannot write, and " + here + " can", func(o *outcome) lies {
		return append(o.truth.leftBy(there), o.truth.ownedBy(o, here)...)
	}}
}

func allWell() promise {
	return promise{"all is as it should be, and nothing that was started here has gone", func(o *outcome) lies {
		found := o.truth.well()
		if w := o.cell.command.world; w == lost || w == lostRun {
			found.add("this node has the package up, and nobody is registered")
		}
		return found
	}}
}

func shown() promise {
	return promise{"none of its own: what is printed is judged", func(*outcome) lies { return nil }}
}

func sound() promise {
	return promise{"no foreign key is there", func(o *outcome) (found lies) {
		for i, l := range o.truth {
			if l.has(keyForeign) {
				found.add("LUN %d: %s", i, l)
			}
		}
		return found
	}}
}

// ofPath judges the LUN of the faulty path.
func ofPath(words string, broken func(*outcome, lunTruth) bool) promise {
	return promise{words, func(o *outcome) (found lies) {
		if l := o.truth[o.cell.at]; broken(o, l) {
			found.add("LUN %d: %s", o.cell.at, l)
		}
		return found
	}}
}

func onPath() promise {
	return ofPath("the path is registered with the key", func(o *outcome, l lunTruth) bool { return !l.on(here, o.cell.path, keyHere) })
}

func offPath() promise {
	return ofPath("the path is not registered", func(o *outcome, l lunTruth) bool { return l.on(here, o.cell.path, keyHere) })
}

func held() promise {
	return ofPath("the key holds the LUN", func(_ *outcome, l lunTruth) bool { return l.holder() != keyHere.String() })
}

func removed(host string) promise {
	return ofPath("nothing of "+host+" is on the LUN", func(_ *outcome, l lunTruth) bool { return l.has(keyOf(host)) })
}

// list are all commands.
func list() []command {
	sg := func(name string, w world, argv string, promise promise, reads reader) command {
		return command{group: "sg_persist", name: name, world: w, argv: "sg_persist " + argv + " DISK", promise: promise, reads: reads, pipe: true}
	}
	k, k2 := fmt.Sprintf("%x", uint64(keyHere)), fmt.Sprintf("%x", uint64(keyThere))
	return []command{
		{group: "start", name: "pr_start", world: free, argv: "pr_start pkg1", promise: owned(here)},
		{group: "start", name: "pr_start, taking over", world: theirs, argv: "pr_start pkg1", promise: owned(here)},
		{group: "start", name: "pr_start, joining", world: theirsAmong, argv: "pr_start pkg1", promise: owned(here, there)},
		{group: "start", name: "pr_start, again", world: mine, argv: "pr_start pkg1", promise: owned(here)},
		{group: "start", name: "pr_cntl start", world: free, argv: "pr_cntl start pkg1", promise: owned(here)},
		{group: "start", name: "cmrunpkg", world: free, argv: "cmrunpkg pkg1", promise: owned(here)},
		{group: "start", name: "cmrunpkg --takeover", world: theirs, argv: "cmrunpkg --takeover pkg1", promise: owned(here)},
		{group: "start", name: "cmrunpkg, again", world: run, argv: "cmrunpkg pkg1", promise: owned(here)},
		{group: "start", name: "cmrunpkg, all forgotten", world: lostRun, argv: "cmrunpkg pkg1", promise: owned(here)},

		{group: "leave", name: "pr_halt", world: mine, argv: "pr_halt pkg1", promise: left()},
		{group: "leave", name: "pr_halt, taken over", world: fenced, argv: "pr_halt pkg1", promise: leftTo()},
		{group: "leave", name: "pr_halt, one of two", world: both, argv: "pr_halt pkg1", promise: leftTo()},
		{group: "leave", name: "pr_cntl stop", world: mine, argv: "pr_cntl stop pkg1", promise: left()},
		{group: "leave", name: "cmhaltpkg", world: run, argv: "cmhaltpkg pkg1", promise: left()},
		{group: "leave", name: "pr_cleanup VG", world: theirs, argv: "pr_cleanup --force vg1", promise: cleared()},
		{group: "leave", name: "pr_cleanup -k KEY", world: theirs, argv: "pr_cleanup --force -k " + k2 + " vg1", promise: cleared()},

		{group: "mend", name: "pr_fence", world: both, argv: "pr_fence " + there + " pkg1", promise: fencedOff()},
		{group: "mend", name: "pr_fence, gone already", world: mine, argv: "pr_fence " + there + " pkg1", promise: fencedOff()},
		{group: "mend", name: "pr_check --repair, path", world: pathless, argv: "pr_check --repair pkg1", promise: allWell(), reads: checkLines},
		{group: "mend", name: "pr_check --repair, open", world: open, argv: "pr_check --repair pkg1", promise: allWell(), reads: checkLines},
		{group: "mend", name: "pr_check --repair --device", world: pathless, argv: "pr_check --repair --device DISK", promise: shown()},
		{group: "mend", name: "vg_pr_key -s", world: grown, least: 2, argv: "vg_pr_key -s vg1", promise: owned(here)},

		{group: "look", name: "pr_check", world: mine, argv: "pr_check pkg1", promise: allWell(), reads: checkLines},
		{group: "look", name: "pr_check, free", world: free, argv: "pr_check pkg1", promise: allWell(), reads: checkLines},
		{group: "look", name: "pr_check, all forgotten", world: lost, argv: "pr_check pkg1", promise: allWell(), reads: checkLines},
		{group: "look", name: "pr_check, run and forgotten", world: lostRun, argv: "pr_check pkg1", promise: allWell(), reads: checkLines},
		{group: "look", name: "pr_check, open", world: open, argv: "pr_check pkg1", promise: allWell(), reads: checkLines},
		{group: "look", name: "pr_check, foreign key", world: foreign, argv: "pr_check pkg1", promise: allWell(), reads: checkLines},
		{group: "look", name: "pr_check, path unregistered", world: pathless, argv: "pr_check pkg1", promise: allWell(), reads: checkLines},
		{group: "look", name: "pr_check --table", world: mine, argv: "pr_check --table --color never pkg1", promise: allWell(), reads: checkTable},
		{group: "look", name: "pr_check --json", world: mine, argv: "pr_check --json --prometheus DIR/metrics --html DIR/page pkg1", promise: allWell(), reads: checkJSON},
		{group: "look", name: "pr_check --json, open", world: open, argv: "pr_check --json --prometheus DIR/metrics --html DIR/page pkg1", promise: allWell(), reads: checkJSON},

		{group: "show", name: "vg_pr_key -g", world: mine, argv: "vg_pr_key -g vg1", promise: shown(), reads: keyLines},
		{group: "show", name: "vg_pr_key -g --json", world: mine, argv: "vg_pr_key -g --json vg1", promise: shown(), reads: keyJSON},
		{group: "show", name: "vg_pr_key -g --table", world: mine, argv: "vg_pr_key -g --table --color never vg1", promise: shown()},
		{group: "show", name: "cmviewcl -f line", world: mine, argv: "cmviewcl -f line", promise: shown(), reads: viewLines},
		{group: "show", name: "cmviewcl -f line, free", world: free, argv: "cmviewcl -f line", promise: shown(), reads: viewLines},
		{group: "show", name: "cmviewcl -f line, open", world: open, argv: "cmviewcl -f line", promise: shown(), reads: viewLines},
		{group: "show", name: "cmviewcl", world: mine, argv: "cmviewcl", promise: shown(), reads: viewTable},
		{group: "show", name: "cmviewcl --json", world: mine, argv: "cmviewcl --json", promise: shown(), reads: viewJSON},
		{group: "show", name: "cmcheckconf", world: foreign, argv: "cmcheckconf", promise: sound()},
		{group: "show", name: "pr_cntl validate", world: foreign, argv: "pr_cntl validate pkg1", promise: sound()},

		{group: "others", name: "pr_start --dry-run", world: free, argv: "pr_start --dry-run pkg1", promise: cleared()},
		{group: "others", name: "pr_watchdog", world: mine, argv: "pr_watchdog pkg1", does: watch, promise: promise{"not fed once the other node has the LUNs, and the grace is over, as long as they can be read", func(*outcome) lies { return nil }}},
		{group: "others", name: "fence_lunguard off", world: both, argv: "fence_lunguard -o off -n " + there, promise: fencedOff()},
		{group: "others", name: "fence_lunguard on", world: theirsAmong, argv: "fence_lunguard -o on -n " + here, promise: owned(here, there)},
		{group: "others", name: "fence_lunguard status", world: both, argv: "fence_lunguard -o status -n " + there, promise: shown(), reads: powerOff},
		{group: "others", name: "fence_lunguard monitor", world: both, argv: "fence_lunguard -o monitor", promise: owned(here, there)},

		sg("-k", mine, "-n -i -k", shown(), sgKeys),
		sg("-r", mine, "-n -i -r", shown(), sgHolder),
		sg("-s", mine, "-n -i -s", shown(), sgStatus),
		sg("-k --json", mine, "-n -i -k --json", shown(), nil),
		sg("-I", free, "-n -o -I -S "+k, onPath(), nil),
		sg("-G", free, "-n -o -G -S "+k, onPath(), nil),
		sg("-G, leaving", mine, "-n -o -G -K "+k, offPath(), nil),
		sg("-R", open, "-n -o -R -T 5 -K "+k, held(), nil),
		sg("-L", mine, "-n -o -L -T 5 -K "+k, shown(), nil),
		sg("-P", both, "-n -o -P -T 5 -K "+k+" -S "+k2, removed(there), nil),
		sg("-A", both, "-n -o -A -T 5 -K "+k+" -S "+k2, removed(there), nil),
		sg("-C", mine, "-n -o -C -K "+k, removed(here), nil),
	}
}
