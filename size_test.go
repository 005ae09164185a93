package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// What a room and a type may grow to until something in it wants a room, or a type, of
// its own.
const (
	mostFiles   = 20
	mostMethods = 30
)

// No room has more files than can be looked over, and no type more methods. Tests do not
// count; files of the laboratory's guest are tests' too, and only its types do.
func TestSizes(t *testing.T) {
	for dir, files := range goFiles(t) {
		count, methods := 0, map[string]int{}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			count++
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range tree.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
					methods[receiver(f)]++
				}
			}
		}
		if count > mostFiles && dir != "lab/guest" {
			t.Errorf("%s has %d files, at most %d are wanted: which of them belong together in a room of their own?", dir, count, mostFiles)
		}
		for typ, n := range methods {
			if n > mostMethods {
				t.Errorf("%s: %s has %d methods, at most %d are wanted: which are of a smaller type, or of none?", dir, typ, n, mostMethods)
			}
		}
	}
}

// receiver is the name of the type that a method is of.
func receiver(f *ast.FuncDecl) string {
	typ := f.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
