package compliance

import (
	"context"

	"flint/internal/access"
	"flint/internal/platform/web"
)

type ruleView struct {
	Name string `json:"name" doc:"What is kept"`
	Days int    `json:"days" doc:"How long; seven years are 2555"`
	From string `json:"from" doc:"What the time is counted from"`
}

type rulesOut struct {
	Body struct {
		Rules []ruleView `json:"rules"`
	}
}

// retentionOperation declares what anybody may read of the table of retention:
// the rules, and no counts.
func retentionOperation(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/privacy/retention", Summary: "Say how long what is kept", Tag: "privacy",
		Description: "The rules by which a job removes what is past its time. The audit log is kept without end, and what is personal in it can't be read any more once its person is erased.",
		Needs:       access.Public, Limit: "public",
	}, func(context.Context, *struct{}) (*rulesOut, error) {
		out := &rulesOut{}
		out.Body.Rules = []ruleView{}
		for _, r := range Rules() {
			out.Body.Rules = append(out.Body.Rules, ruleView{r.Name, int(r.Keep / day), r.From})
		}
		return out, nil
	})
}
