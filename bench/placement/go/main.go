// Go's own map, filled and read as bench/placement/src/fill.rs fills and reads the others. It understands the same
// flags, reads the same shuffled sequences and answers in the same form.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const (
	members         = 37
	warmBytesPerRow = 320
)

type key struct{ object, member uint64 }

// row has the size of spillway_placement::Row.
type row struct {
	desired, applied, observed [2]uint64
	since                      uint64
	tries                      uint32
	_                          uint32
}

type outcome struct {
	InsertNS     int64 `json:"insert_ns"`
	GetNS        int64 `json:"get_ns"`
	ByObjectNS   int64 `json:"get_by_object_ns"`
	PeakBytes    int64 `json:"peak_bytes"`
	SettledBytes int64 `json:"settled_bytes"`
}

var (
	name      = flag.String("map", "go", "always go")
	entries   = flag.Uint("entries", 0, "rows")
	order     = flag.String("order", "hub", "hub or random")
	allocator = flag.String("allocator", "cold", "cold or warm")
	pass      = flag.String("pass", "throughput", "clock or throughput")
	work      = flag.String("work", ".", "the folder of the sequences")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go-map:", err)
		os.Exit(1)
	}
}

func run() error {
	if size := unsafe.Sizeof(row{}); size != 64 {
		return fmt.Errorf("a row has %d bytes, not 64", size)
	}
	n := uint32(*entries)
	inserts, err := words(n)
	if err != nil {
		return err
	}
	for i := range inserts {
		inserts[i] = uint32(i)
	}
	if *order == "random" {
		if err := read("insert", inserts); err != nil {
			return err
		}
	}
	if *allocator == "warm" {
		warm(int(n) * warmBytesPerRow)
	}
	if *pass == "clock" {
		return clocked(inserts)
	}
	return throughput(inserts)
}

// words is memory outside of Go's heap, so that the collector neither scans nor counts it, already touched.
func words(n uint32) ([]uint32, error) {
	bytes, err := syscall.Mmap(-1, 0, max(int(n), 1)*4, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	w := unsafe.Slice((*uint32)(unsafe.Pointer(&bytes[0])), n)
	for i := range w {
		w[i] = ^uint32(0)
	}
	return w, nil
}

func read(what string, into []uint32) error {
	file, err := os.Open(filepath.Join(*work, fmt.Sprintf("%s-%d.u32", what, len(into))))
	if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReader(file)
	var word [4]byte
	for i := range into {
		if _, err := io.ReadFull(r, word[:]); err != nil {
			return err
		}
		into[i] = binary.LittleEndian.Uint32(word[:])
	}
	return nil
}

// warm touches so many bytes and frees them; Go's heap keeps them for a while (its scavenger takes minutes).
func warm(bytes int) {
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	runtime.KeepAlive(block)
	block = nil
	runtime.GC()
}

func facts(i uint32) row {
	wanted := [2]uint64{uint64(i) + 1, 0}
	return row{desired: wanted, applied: wanted, observed: wanted, since: uint64(i)}
}

func clocked(inserts []uint32) error {
	times, err := words(uint32(len(inserts)))
	if err != nil {
		return err
	}
	m := map[key]row{}
	for i, r := range inserts {
		k, v := key{uint64(r / members), uint64(r % members)}, facts(r)
		start := time.Now()
		m[k] = v
		times[i] = uint32(time.Since(start).Nanoseconds())
	}
	runtime.KeepAlive(m)
	return write(times)
}

func write(times []uint32) error {
	file, err := os.Create(filepath.Join(*work, "times.u32"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	var word [4]byte
	for _, t := range times {
		binary.LittleEndian.PutUint32(word[:], t)
		if _, err := w.Write(word[:]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return file.Close()
}

func throughput(inserts []uint32) error {
	gets, err := sequence("get", uint32(len(inserts)))
	if err != nil {
		return err
	}
	byObject, err := sequence("get-by-object", uint32(len(inserts)))
	if err != nil {
		return err
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return err
	}
	before, _, err := resident()
	if err != nil {
		return err
	}
	m := map[key]row{}
	start := time.Now()
	for _, r := range inserts {
		m[key{uint64(r / members), uint64(r % members)}] = facts(r)
	}
	inserted := time.Since(start)
	now, peak, err := resident()
	if err != nil {
		return err
	}
	got, wrong := get(m, gets)
	gotByObject, wrongToo := get(m, byObject)
	if wrong+wrongToo > 0 {
		return fmt.Errorf("%d of %d rows were lost or mixed up", wrong+wrongToo, 2*len(gets))
	}
	return json.NewEncoder(os.Stdout).Encode(outcome{
		InsertNS: inserted.Nanoseconds(), GetNS: got.Nanoseconds(), ByObjectNS: gotByObject.Nanoseconds(),
		PeakBytes: max(peak-before, 0), SettledBytes: max(now-before, 0),
	})
}

// sequence is a shuffled one, outside of Go's heap.
func sequence(what string, n uint32) ([]uint32, error) {
	w, err := words(n)
	if err != nil {
		return nil, err
	}
	return w, read(what, w)
}

// get gets every row and counts those that are not what was put there.
func get(m map[key]row, gets []uint32) (took time.Duration, wrong int) {
	start := time.Now()
	for _, r := range gets {
		got, ok := m[key{uint64(r / members), uint64(r % members)}]
		if !ok || got.since != uint64(r) {
			wrong++
		}
	}
	return time.Since(start), wrong
}

func resident() (now, peak int64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		field, value, _ := strings.Cut(line, ":")
		kibibytes, bad := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		switch {
		case field == "VmRSS" && bad == nil:
			now = kibibytes * 1024
		case field == "VmHWM" && bad == nil:
			peak = kibibytes * 1024
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, fmt.Errorf("/proc/self/status has no VmRSS and VmHWM")
	}
	return now, peak, nil
}
