// Tlogcheck verifies a whole log directory with the checksum database code of
// golang.org/x/mod, which shares nothing with Great Seal.
//
//	tlogcheck [-older CHECKPOINT] [-proof FILE -entry FILE] DIR VKEY
//
// It checks the checkpoint's signature and form, hashes every entry of every
// bundle to the root, authenticates every tile, and proves inclusion and
// consistency at many places. With -older, that signed checkpoint must be a
// prefix of the log; with -proof, the tlog-proof file must place the entry's
// bytes in the log. Prints one line and exits 0, or the first error and 1.
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// checkpoint is a verified note's text.
func checkpoint(msg []byte, v note.Verifier) (tlog.Tree, error) {
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("checkpoint: not three lines")
	}
	if lines[0] != v.Name() {
		return tlog.Tree{}, fmt.Errorf("checkpoint: origin %q, key of %q", lines[0], v.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, fmt.Errorf("checkpoint: size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// dir reads tiles of a log directory: tile/L/N for x/mod's tile/8/L/N.
type dir struct {
	path  string
	tiles map[string]bool
}

func (d *dir) Height() int { return height }
func (d *dir) SaveTiles(tiles []tlog.Tile, _ [][]byte) {
	for _, t := range tiles {
		d.tiles[t.Path()] = true
	}
}

func (d *dir) read(t tlog.Tile) ([]byte, error) {
	name := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", height))
	if t.L == -1 {
		name = "entries" + strings.TrimPrefix(name, "data")
	}
	data, err := os.ReadFile(filepath.Join(d.path, "tile", name))
	if os.IsNotExist(err) && t.W < 1<<height {
		t.W = 1 << height
		return d.read(t)
	}
	if err == nil && t.L != -1 && len(data) != t.W*tlog.HashSize {
		return nil, fmt.Errorf("%s: %d bytes", name, len(data))
	}
	return data, err
}

func (d *dir) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		data, err := d.read(t)
		if err != nil {
			return nil, err
		}
		out = append(out, data[:t.W*tlog.HashSize])
	}
	return out, nil
}

// memory is x/mod's own storage of all the hashes, made from the entries.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, m[i])
	}
	return out, nil
}

// entries hashes every bundle.
func entries(d *dir, size int64) (memory, error) {
	var m memory
	for first := int64(0); first < size; first += 1 << height {
		width := size - first
		if width > 1<<height {
			width = 1 << height
		}
		data, err := d.read(tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)})
		if err != nil {
			return nil, err
		}
		for i := int64(0); i < width; i++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("bundle %d: short in entry %d", first>>height, i)
			}
			n := int(binary.BigEndian.Uint16(data))
			hashes, err := tlog.StoredHashes(first+i, data[2:2+n], m)
			if err != nil {
				return nil, err
			}
			m = append(m, hashes...)
			data = data[2+n:]
		}
	}
	return m, nil
}

// places are all of a small log, and edges and a sample of a large one.
func places(size int64) []int64 {
	var out []int64
	step := size/200 + 1
	for i := int64(0); i < size; i++ {
		if i < 3 || i >= size-3 || i%step == 0 || i&(i-1) == 0 || i&(i+1) == 0 {
			out = append(out, i)
		}
	}
	return out
}

func checkTiles(d *dir, tree tlog.Tree, m memory) error {
	r := tlog.TileHashReader(tree, d)
	for i := int64(0); i < tree.N; i += 1 << height {
		var indexes []int64
		for k := i; k < tree.N && k < i+1<<height; k++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, k))
		}
		got, err := r.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for k := range got {
			if got[k] != m[indexes[k]] {
				return fmt.Errorf("tile of entry %d: not its hash", i+int64(k))
			}
		}
	}
	for _, i := range places(tree.N) {
		p, err := tlog.ProveRecord(tree.N, i, r)
		if err == nil {
			err = tlog.CheckRecord(p, tree.N, tree.Hash, i, m[tlog.StoredHashIndex(0, i)])
		}
		if err != nil {
			return fmt.Errorf("inclusion of %d: %v", i, err)
		}
		if err = checkOlder(tree, i+1, m, r, nil); err != nil {
			return err
		}
	}
	return nil
}

// checkOlder proves that the tree of size n is a prefix; root as signed, or nil.
func checkOlder(tree tlog.Tree, n int64, m memory, r tlog.HashReader, root *tlog.Hash) error {
	old, err := tlog.TreeHash(n, m)
	if err != nil {
		return err
	}
	if root != nil && *root != old {
		return fmt.Errorf("older checkpoint of size %d has another root", n)
	}
	p, err := tlog.ProveTree(tree.N, n, r)
	if err == nil {
		err = tlog.CheckTree(p, tree.N, tree.Hash, n, old)
	}
	if err != nil {
		return fmt.Errorf("consistency from %d: %v", n, err)
	}
	return nil
}

// checkProof verifies a c2sp.org/tlog-proof@v1 file and that its checkpoint is a prefix of the log.
func checkProof(proof, entry []byte, v note.Verifier, m memory) error {
	head, msg, ok := strings.Cut(string(proof), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("proof: not a tlog-proof file")
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		return err
	}
	tree, err := checkpoint([]byte(msg), v)
	if err != nil {
		return err
	}
	var p tlog.RecordProof
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			return err
		}
		p = append(p, h)
	}
	if err = tlog.CheckRecord(p, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	root, err := tlog.TreeHash(tree.N, m)
	if err == nil && root != tree.Hash {
		err = fmt.Errorf("proof: its checkpoint is of another log")
	}
	return err
}

func run(path, vkey, older, proof, entry string) error {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	msg, err := os.ReadFile(filepath.Join(path, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := checkpoint(msg, v)
	if err != nil {
		return err
	}
	d := &dir{path, map[string]bool{}}
	m, err := entries(d, tree.N)
	if err != nil {
		return err
	}
	// x/mod's TreeHash knows no tree of size 0; its root is SHA-256 of nothing (RFC 6962 2.1).
	root, _ := tlog.ParseHash("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
	if tree.N > 0 {
		if root, err = tlog.TreeHash(tree.N, m); err != nil {
			return err
		}
	}
	if !bytes.Equal(root[:], tree.Hash[:]) {
		return fmt.Errorf("root is %v, the checkpoint says %v", root, tree.Hash)
	}
	if err = checkTiles(d, tree, m); err != nil {
		return err
	}
	if older != "" {
		if msg, err = os.ReadFile(older); err != nil {
			return err
		}
		old, err := checkpoint(msg, v)
		if err != nil {
			return fmt.Errorf("older %v", err)
		}
		if old.N > tree.N {
			return fmt.Errorf("log has shrunk from %d to %d", old.N, tree.N)
		}
		if old.N > 0 {
			if err = checkOlder(tree, old.N, m, tlog.TileHashReader(tree, d), &old.Hash); err != nil {
				return err
			}
		}
	}
	if proof != "" {
		p, err := os.ReadFile(proof)
		if err != nil {
			return err
		}
		e, err := os.ReadFile(entry)
		if err != nil {
			return err
		}
		if err = checkProof(p, e, v, m); err != nil {
			return err
		}
	}
	fmt.Printf("ok: %s, %d entries, %d tiles\n", v.Name(), tree.N, len(d.tiles))
	return nil
}

func main() {
	older := flag.String("older", "", "a signed checkpoint that must be a prefix")
	proof := flag.String("proof", "", "a tlog-proof file")
	entry := flag.String("entry", "", "the entry's bytes, for -proof")
	flag.Parse()
	if flag.NArg() != 2 || (*proof == "") != (*entry == "") {
		fmt.Fprintln(os.Stderr, "usage: tlogcheck [-older CHECKPOINT] [-proof FILE -entry FILE] DIR VKEY")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Arg(1), *older, *proof, *entry); err != nil {
		fmt.Fprintln(os.Stderr, "tlogcheck:", err)
		os.Exit(1)
	}
}
