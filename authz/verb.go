package authz

// The verbs of rules, beside the names of declared actions.
const (
	List    = "list"
	Get     = "get"
	Create  = "create"
	Update  = "update"
	Delete  = "delete"
	Restore = "restore"
	Purge   = "purge"
	History = "history"
	ActAs   = "act_as"
)
