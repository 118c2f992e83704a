package snaptrade

import "net/http"

func (s *API) Pages() http.Handler { return http.NotFoundHandler() }
