package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// mutant is one change of one place.
type mutant struct {
	// file is the file, from the root, in the function where the place is: its
	// name, or receiver.name; empty for what is outside of functions.
	file, in string
	// find is a text that occurs there once, with what it becomes.
	find, with string
	// row, instead of find, is the name of a row in that function: it never
	// applies, or, if above is the name of another, it comes before that one.
	row, above string
	// words say what was changed.
	words string
	// alive says why it is harmless, if it is.
	alive string
}

// place is where the mutant is, for people.
func (m *mutant) place() string {
	if m.in == "" {
		return m.file
	}
	return m.file + ", " + m.in
}

// key tells mutants apart.
func (m *mutant) key() string { return m.place() + ": " + m.words }

// pkg is the folder of the file.
func (m *mutant) pkg() string { return path.Dir(m.file) }

// apply makes the change. The error says what is wrong with the list.
func (m *mutant) apply(src string) (string, error) {
	changed, err := m.change(src)
	if err != nil {
		return "", fmt.Errorf("%s: %w", m.key(), err)
	}
	if _, err := parser.ParseFile(token.NewFileSet(), m.file, changed, 0); err != nil {
		return "", fmt.Errorf("%s: changed, it does not parse: %w", m.key(), err)
	}
	return changed, nil
}

func (m *mutant) change(src string) (string, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, m.file, src, 0)
	if err != nil {
		return "", err
	}
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	begin, end := 0, len(src)
	var scope ast.Node = tree
	if m.in != "" {
		f := function(tree, m.in)
		if f == nil {
			return "", fmt.Errorf("there is no such function")
		}
		scope, begin, end = f, at(f.Pos()), at(f.End())
	}
	if m.row == "" {
		if n := strings.Count(src[begin:end], m.find); n != 1 || m.find == m.with {
			return "", fmt.Errorf("the text occurs %d times there", n)
		}
		return src[:begin] + strings.Replace(src[begin:end], m.find, m.with, 1) + src[end:], nil
	}
	row, err := rowOf(scope, m.row)
	if err != nil {
		return "", err
	}
	if m.above == "" {
		from, to := at(row.Elts[1].Pos()), at(row.Elts[1].End())
		return src[:from] + "func(t *position) bool { return false && (" + src[from:to] + ")(t) }" + src[to:], nil
	}
	other, err := rowOf(scope, m.above)
	if err != nil {
		return "", err
	}
	from, to, before := at(row.Pos()), at(row.End()), at(other.Pos())
	if before >= from {
		return "", fmt.Errorf("the row is above already")
	}
	rest := strings.TrimPrefix(src[to:], ",")
	return src[:before] + src[from:to] + ",\n" + src[before:from] + rest, nil
}

// function finds a function by its name, or receiver.name; nil if there is none.
func function(tree *ast.File, name string) *ast.FuncDecl {
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		full := f.Name.Name
		if f.Recv != nil {
			typ := f.Recv.List[0].Type
			if star, ok := typ.(*ast.StarExpr); ok {
				typ = star.X
			}
			full = typ.(*ast.Ident).Name + "." + full
		}
		if full == name {
			return f
		}
	}
	return nil
}

// rowOf finds the row of that name.
func rowOf(scope ast.Node, name string) (*ast.CompositeLit, error) {
	var found []*ast.CompositeLit
	ast.Inspect(scope, func(n ast.Node) bool {
		if c, ok := n.(*ast.CompositeLit); ok && len(c.Elts) == 3 {
			if s, ok := c.Elts[0].(*ast.BasicLit); ok && s.Value == strconv.Quote(name) {
				found = append(found, c)
			}
		}
		return true
	})
	if len(found) != 1 {
		return nil, fmt.Errorf("the row %q is there %d times", name, len(found))
	}
	return found[0], nil
}
