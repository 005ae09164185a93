package commands

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// completeOnePackage offers the packages to who takes one operand.
func completeOnePackage(l *completion, word string) []suggestion {
	if len(l.operands) > 0 {
		return nil
	}
	return completePackages(l, word)
}

// completeNodes offers the nodes of the config.
func completeNodes(l *completion, _ string) []suggestion {
	var list []suggestion
	for _, n := range clusterConfig(l).Nodes {
		list = append(list, suggestion{n.Name, n.Key.String()})
	}
	return list
}

// completeCluster offers the name of the cluster.
func completeCluster(l *completion, _ string) []suggestion {
	return wordList(clusterConfig(l).Name)
}

// completeKeys offers their keys.
func completeKeys(l *completion, _ string) []suggestion {
	var list []suggestion
	for _, n := range clusterConfig(l).Nodes {
		list = append(list, suggestion{n.Key.String(), n.Name})
	}
	return list
}

// completePackages offers the packages of the config.
func completePackages(l *completion, _ string) []suggestion {
	var list []suggestion
	for _, p := range clusterConfig(l).Packages {
		list = append(list, suggestion{p.Name, string(p.Type)})
	}
	return list
}

// completeGroups offers the volume groups of the config, as NAME or /dev/NAME.
func completeGroups(l *completion, word string) []suggestion {
	var list []suggestion
	for _, p := range clusterConfig(l).Packages {
		for _, g := range p.Groups {
			g = strings.TrimPrefix(g, "/dev/")
			if strings.HasPrefix(word, "/") {
				g = "/dev/" + g
			}
			list = append(list, suggestion{g, p.Name})
		}
	}
	return list
}

// completeDisks offers block devices without looking into any: SCSI disks and maps, or
// what is in the folder that the word names.
func completeDisks(l *completion, word string) []suggestion {
	return completeDevices("/dev/sd*[a-z]", "/dev/mapper/*")(l, word)
}

// completeDevices offers the devices of patterns; if the word names a folder, what
// is in that.
func completeDevices(patterns ...string) completer {
	return func(l *completion, word string) []suggestion {
		at := patterns
		if strings.HasPrefix(word, "/") && word != "/dev/" {
			dir, _ := path.Split(word)
			at = []string{dir + "*"}
			if dir == "/dev/" {
				at = append(at, "/dev/mapper/*")
			}
		}
		root := simulatedBy(l.values["sim"], l.c.getenv)
		var list []suggestion
		for _, p := range at {
			// A pattern that is none matches nothing.
			files, _ := filepath.Glob(root + p)
			for _, f := range files {
				if name, ok := deviceName(f, root); ok {
					list = append(list, suggestion{word: name})
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
