package cli

import (
	"bufio"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/format"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// exportCmd is `dowel export`.
type exportCmd struct {
	Class  string   `arg:"" help:"The class."`
	Rest   []string `arg:"" optional:"" name:"word" help:"Filters, fields=… and with=… as in a query; last the application."`
	Output string   `short:"o" name:"output" enum:"jsonl,json,csv,yaml,table" default:"jsonl" help:"How records are written: ${enum}."`
	actorFlags
}

// exportPage is how many records are in memory at once, where the schema says nothing else.
const exportPage = "1000"

// Run writes all records to stdout in the order of the key, a page at a time: each page begins
// behind the last record of the one before, so what is written meanwhile neither doubles nor hides others.
func (c *exportCmd) Run(r *run) error {
	words, folder, err := wordsOf(c.Rest)
	if err != nil {
		return err
	}
	a, err := c.openWith(r, folder, map[string]string{"limits.page_max": exportPage})
	if err != nil {
		return err
	}
	defer a.close()
	class, err := a.class(c.Class)
	if err != nil {
		return err
	}
	action, err := queried(request.Search, class, "", words)
	if err != nil {
		return err
	}
	s := action.(*actions.Search)
	if s.Order != nil || s.Limit != nil || s.Skip != nil || s.Page != nil || s.Count != "" {
		return misuse("an export has all records, in the order of the key: dowel list has orderBy, limit, page and count")
	}
	limit := a.pageMax(class)
	s.Order, s.Limit, s.Count = []actions.Order{}, &limit, "none"
	out := bufio.NewWriterSize(r.out, 64<<10)
	w := &exporter{out: out, output: c.Output}
	bar := newMeter(r, "exporting "+class.Collection, 0)
	for {
		res, err := a.do(r.ctx, s)
		if err != nil {
			bar.done()
			return told(err)
		}
		err = w.page(res)
		if err == nil && (!res.Page.More || len(res.Rows) == 0) {
			err = w.end()
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			bar.done()
			return unavailable(err)
		}
		if !res.Page.More || len(res.Rows) == 0 {
			break
		}
		s.After = schema.FormatKey(class, res.Rows[len(res.Rows)-1].Key(class))
		bar.at(w.rows, 0, 0)
	}
	bar.done()
	r.note("%s", counted(w.rows, "record", "records"))
	return nil
}

// pageMax is the largest page that the engine answers.
func (p *project) pageMax(c *schema.Class) int {
	most := p.cfg.Engine.Limits.PageMax
	if p.schema.App.PageMax > 0 {
		most = p.schema.App.PageMax
	}
	if c.PageMax > 0 {
		most = c.PageMax
	}
	return most
}

// exporter writes pages of one list.
type exporter struct {
	out    *bufio.Writer
	output string
	rows   int
	buf    []byte
	whole  format.Document // of a table, whose columns are as wide as all records need
}

func (w *exporter) page(res *actions.Result) error {
	w.buf = w.buf[:0]
	d := format.Document{Class: res.Class, View: res.View, Rows: res.Rows, List: true}
	switch {
	case w.output == "csv":
		w.csv(&d)
	case w.output == "table":
		d.Rows = append(w.whole.Rows, res.Rows...)
		w.whole = d
	case w.output == "yaml" && len(res.Rows) > 0:
		text, err := people(format.AppendJSON(nil, &d), "yaml")
		if err != nil {
			return err
		}
		w.buf = append(w.buf, text...)
	}
	for i := range res.Rows {
		w.record(res.View, &res.Rows[i])
	}
	_, err := w.out.Write(w.buf)
	return err
}

func (w *exporter) record(v *actions.Shown, row *storage.Row) {
	switch w.output {
	case "jsonl":
		w.buf = append(actions.AppendRecord(w.buf, v, row), '\n')
	case "json":
		w.buf = append(w.buf, map[bool]string{true: "[\n", false: ",\n"}[w.rows == 0]...)
		w.buf = actions.AppendRecord(w.buf, v, row)
	}
	w.rows++
}

// csv writes the records of a page, below the header if it is the first.
func (w *exporter) csv(d *format.Document) {
	text := format.Find("csv").Append(nil, d)
	if w.rows > 0 {
		head := format.Find("csv").Append(nil, &format.Document{Class: d.Class, View: d.View, List: true})
		text = text[len(head):]
	}
	w.buf = append(w.buf, lineFeeds(text)...)
}

func (w *exporter) end() error {
	end := ""
	switch {
	case w.output == "table":
		text, err := people(format.AppendJSON(nil, &w.whole), "table")
		if err != nil {
			return err
		}
		end = string(text)
	case w.rows == 0 && w.output != "csv" && w.output != "jsonl":
		end = "[]\n"
	case w.output == "json":
		end = "\n]\n"
	}
	_, err := w.out.WriteString(end)
	return err
}
