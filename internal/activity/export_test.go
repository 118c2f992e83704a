package activity

// SearchWith makes searches read so many rows at once, and open so many at most.
func (s *Service) SearchWith(stride, most int) { s.reach = reach{stride, most} }
