package request

// checkWhere checks the grammar of an expression; its names are bound later.
func (q *query) checkWhere(at place, text string) {
}
