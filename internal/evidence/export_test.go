package evidence

// Look looks at one proof without a system.
func (s Source) Look(ref string) Proof { return looker{src: s}.look(ref) }

// Judge judges one control without a system.
func (s Source) Judge(c Control) Result { return looker{src: s}.judge(c) }
