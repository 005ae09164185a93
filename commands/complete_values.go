package commands

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"lunguard/commands/front"
)

// completeOnePackage offers the packages to who takes one operand.
func completeOnePackage(l *front.Completion, word string) []front.Suggestion {
	if len(l.Operands) > 0 {
		return nil
	}
	return completePackages(l, word)
}

// completeNodes offers the nodes of the config.
func completeNodes(l *front.Completion, _ string) []front.Suggestion {
	var list []front.Suggestion
	for _, n := range clusterConfig(l).Nodes {
		list = append(list, front.Suggestion{Word: n.Name, Meaning: n.Key.String()})
	}
	return list
}

// completeCluster offers the name of the cluster.
func completeCluster(l *front.Completion, _ string) []front.Suggestion {
	return front.WordList(clusterConfig(l).Name)
}

// completeKeys offers their keys.
func completeKeys(l *front.Completion, _ string) []front.Suggestion {
	var list []front.Suggestion
	for _, n := range clusterConfig(l).Nodes {
		list = append(list, front.Suggestion{Word: n.Key.String(), Meaning: n.Name})
	}
	return list
}

// completePackages offers the packages of the config.
func completePackages(l *front.Completion, _ string) []front.Suggestion {
	var list []front.Suggestion
	for _, p := range clusterConfig(l).Packages {
		list = append(list, front.Suggestion{Word: p.Name, Meaning: string(p.Type)})
	}
	return list
}

// completeGroups offers the volume groups of the config, as NAME or /dev/NAME.
func completeGroups(l *front.Completion, word string) []front.Suggestion {
	var list []front.Suggestion
	for _, p := range clusterConfig(l).Packages {
		for _, g := range p.Groups {
			g = strings.TrimPrefix(g, "/dev/")
			if strings.HasPrefix(word, "/") {
				g = "/dev/" + g
			}
			list = append(list, front.Suggestion{Word: g, Meaning: p.Name})
		}
	}
	return list
}

// completeDisks offers block devices without looking into any: SCSI disks and maps, or
// what is in the folder that the word names.
func completeDisks(l *front.Completion, word string) []front.Suggestion {
	return completeDevices("/dev/sd*[a-z]", "/dev/mapper/*")(l, word)
}

// completeDevices offers the devices of patterns; if the word names a folder, what
// is in that.
func completeDevices(patterns ...string) front.Completer {
	return func(l *front.Completion, word string) []front.Suggestion {
		at := patterns
		if strings.HasPrefix(word, "/") && word != "/dev/" {
			dir, _ := path.Split(word)
			at = []string{dir + "*"}
			if dir == "/dev/" {
				at = append(at, "/dev/mapper/*")
			}
		}
		root := front.SimulatedBy(l.Values["sim"], l.Call.Getenv)
		var list []front.Suggestion
		for _, p := range at {
			// A pattern that is none matches nothing.
			files, _ := filepath.Glob(root + p)
			for _, f := range files {
				if name, ok := deviceName(f, root); ok {
					list = append(list, front.Suggestion{Word: name})
				}
			}
		}
		return list
	}
}

// deviceName is the name of a device, or of a folder with a slash behind it, on
// the host whose root is given. On a simulated host every file is a device.
func deviceName(file, root string) (string, bool) {
	st, err := os.Stat(file)
	if err != nil {
		return "", false
	}
	name := strings.TrimPrefix(file, root)
	if st.IsDir() {
		return name + "/", true
	}
	isDevice := st.Mode()&fs.ModeDevice != 0 && (st.Mode()&fs.ModeCharDevice == 0 || strings.HasPrefix(name, "/dev/watchdog"))
	return name, root != "" || isDevice
}
