// Command record runs the real sg_persist on every case and writes what it did
// into the case files. Run it from the root of the module:
//
//	go run ./commands/testdata/sg_persist/record -sg_persist PATH [-lib DIR] [FILE...]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"lunguard/commands/testdata/sg_persist/golden"
)

const dir = "commands/testdata/sg_persist"

func main() {
	log.SetFlags(0)
	program := flag.String("sg_persist", "sg_persist", "the program, of sg3_utils 1.48")
	lib := flag.String("lib", "", "folder of its libsgutils2")
	flag.Parse()
	if err := recordAll(*program, *lib, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func recordAll(program, lib string, names []string) error {
	if len(names) == 0 {
		names, _ = filepath.Glob(filepath.Join(dir, "*.golden"))
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	r := &recorder{program: path, lib: lib}
	if r.temp, err = os.MkdirTemp("", "record"); err != nil {
		return err
	}
	defer os.RemoveAll(r.temp)
	r.canned = filepath.Join(r.temp, "canned.so")
	cc := exec.Command("cc", "-Wall", "-shared", "-fPIC", "-o", r.canned, filepath.Join(dir, "record", "canned.c"), "-ldl")
	if out, err := cc.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %s", err, out)
	}
	if err := r.readUsage(); err != nil {
		return err
	}
	for _, name := range names {
		if err := r.record(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// record runs the cases of one file.
func (r *recorder) record(name string) error {
	f, err := golden.Read(name)
	if err != nil {
		return err
	}
	bad := 0
	for _, c := range f.Cases {
		if c.Unrecorded == "" {
			err = r.run(c)
		}
		if err == nil {
			err = c.Check()
		}
		if err != nil {
			bad++
			log.Printf("%s: %s: %v", filepath.Base(name), c.Name, err)
			err = nil
		}
	}
	if err := os.WriteFile(name, []byte(f.Format()), 0o644); err != nil {
		return err
	}
	log.Printf("%s: %d cases", filepath.Base(name), len(f.Cases))
	if bad > 0 {
		return fmt.Errorf("%d cases to be corrected", bad)
	}
	return nil
}
