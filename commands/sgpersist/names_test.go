package sgpersist

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"lunguard/scsi"
)

// TestNames compares with what sg3_utils 1.48 and glibc say: kind, number,
// whether there is any text, the text.
func TestNames(t *testing.T) {
	golden, err := os.ReadFile("testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	always := func(text string) (string, bool) { return text, true }
	seen := map[string]int{}
	for line := range strings.Lines(string(golden)) {
		word := append(strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4), "")
		n, err := strconv.Atoi(word[1])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		var got string
		var ok bool
		switch word[0] {
		case "exit":
			got, ok = exitText(n, false)
		case "exit-long":
			got, ok = exitText(n, true)
		case "pdt":
			got, ok = always(deviceTypeText(byte(n)))
		case "status":
			got, ok = always(statusText(byte(n)))
		case "errno":
			got, ok = always(errnoText(syscall.Errno(n)))
		case "nvme":
			got, ok = always(nvmeText(uint64(n)))
		default:
			t.Fatalf("%q: what is that?", line)
		}
		if want := word[3]; got != want || strconv.FormatBool(ok) != word[2] {
			t.Errorf("%s %d: %q, %v, want %q, %s", word[0], n, got, ok, want, word[2])
		}
		seen[word[0]]++
	}
	for kind, want := range map[string]int{"exit": 258, "exit-long": 258, "pdt": 33, "status": 256, "errno": 140, "nvme": 100} {
		if seen[kind] < want {
			t.Errorf("%d of %s, want at least %d", seen[kind], kind, want)
		}
	}
}

func TestTransportErrText(t *testing.T) {
	tests := []struct {
		host   scsi.HostStatus
		driver scsi.DriverStatus
		want   string
	}{
		{0, 0, ""},
		{scsi.HostNoConnect, 0, "Host_status=0x01 [DID_NO_CONNECT]\n"},
		{scsi.HostTimeOut, 6, "Host_status=0x03 [DID_TIME_OUT]\nDriver_status=0x06 [DRIVER_TIMEOUT]\n"},
		{scsi.HostNexusFailure, 0, "Host_status=0x11 [DID_NEXUS_FAILURE (reservation conflict)]\n"},
		{scsi.HostTransportMarginal, 0, "Host_status=0x14 [DID_TRANSPORT_MARGINAL]\n"},
		{0x15, 0, "Host_status=0x15 is invalid\n"},
		{0x1234, 0, "Host_status=0x1234 is invalid\n"},
		{0, 8, "Driver_status=0x08 [DRIVER_SENSE]\n"},
		{0, 0x26, "Driver_status=0x26 [DRIVER_TIMEOUT]\n"},
		{0, 0x30, "Driver_status=0x30 [DRIVER_OK]\n"},
		{0, 9, "Driver_status=0x09 [invalid]\n"},
	}
	for _, c := range tests {
		if got := transportErrText(c.host, c.driver); got != c.want {
			t.Errorf("%#x, %#x: %q, want %q", uint16(c.host), uint16(c.driver), got, c.want)
		}
	}
}

// A namespace is told by the name of its device file, and by links that lead there, as
// those of /dev/disk/by-id.
func TestIsNamespace(t *testing.T) {
	dir := t.TempDir()
	for link, to := range map[string]string{"by-id": "/dev/nvme0n1", "chain": "by-id", "disk": "/dev/sda", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{
		"/dev/nvme0n1": true, "/dev/ng0n1": true, "/dev/nvme0": true, "/dev/nvme0n1p2": true, "/dev/sda": false, "/dev/nvmex": false,
		dir + "/by-id": true, dir + "/chain": true, dir + "/disk": false, dir + "/loop": false, dir + "/none": false,
	} {
		if got := isNamespace(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
