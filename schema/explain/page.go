package explain

import (
	"strings"
	"unicode/utf8"
)

// page is a title with blocks of rows in two columns.
type page struct {
	title  string
	blocks []block
}

type block struct {
	head string
	rows [][]string
}

func newPage(title, doc string) *page {
	if doc != "" {
		title += "\n  " + strings.ReplaceAll(strings.TrimSpace(doc), "\n", "\n  ")
	}
	return &page{title: title, blocks: []block{{}}}
}

// head begins a block. One that stays empty is not shown.
func (p *page) head(text string) { p.blocks = append(p.blocks, block{head: text}) }

// row adds a line of cells to the latest block.
func (p *page) row(cells ...string) {
	b := &p.blocks[len(p.blocks)-1]
	b.rows = append(b.rows, cells)
}

// String lays the columns of each block out.
func (p *page) String() string {
	var b strings.Builder
	b.WriteString(p.title + "\n")
	for i := range p.blocks {
		x := &p.blocks[i]
		if len(x.rows) == 0 {
			continue
		}
		if x.head != "" {
			b.WriteString("\n" + x.head + "\n")
		}
		x.write(&b)
	}
	return b.String()
}

func (x *block) write(b *strings.Builder) {
	var widths []int
	for _, row := range x.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	for _, row := range x.rows {
		line := " "
		for i, cell := range row {
			line += " " + cell
			if i < len(row)-1 {
				line += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
