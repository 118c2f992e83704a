package statement

// elements says which elements may stand in which, for everything that we read
// or knowingly pass over. What isn't here is counted as unknown.
var elements = map[string]map[string]bool{
	"OFX": set("SIGNONMSGSRSV1", "BANKMSGSRSV1", "CREDITCARDMSGSRSV1", "SIGNUPMSGSRSV1", "PROFMSGSRSV1",
		"INVSTMTMSGSRSV1", "SECLISTMSGSRSV1", "INTERXFERMSGSRSV1", "WIREXFERMSGSRSV1", "BILLPAYMSGSRSV1",
		"EMAILMSGSRSV1", "LOANMSGSRSV1", "PRESDIRMSGSRSV1", "PRESDLVMSGSRSV1", "IMAGEMSGSRSV1", "TAX1099MSGSRSV1"),
	"SIGNONMSGSRSV1": set("SONRS"),
	"SONRS": set("STATUS", "DTSERVER", "USERKEY", "TSKEYEXPIRE", "LANGUAGE", "DTPROFUP", "DTACCTUP", "FI", "SESSCOOKIE",
		"ACCESSKEY", "INTU.BID", "INTU.USERID", "INTU.ORG", "INTU.FID"),
	"FI":     set("ORG", "FID"),
	"STATUS": set("CODE", "SEVERITY", "MESSAGE"),

	"BANKMSGSRSV1": set("STMTTRNRS", "STMTENDTRNRS"),
	"STMTTRNRS":    set("TRNUID", "STATUS", "CLTCOOKIE", "OFXEXTENSION", "STMTRS"),
	"STMTRS": set("CURDEF", "BANKACCTFROM", "BANKTRANLIST", "BANKTRANLISTP", "LEDGERBAL", "AVAILBAL", "CASHADVBALAMT",
		"INTRATE", "BALLIST", "MKTGINFO"),
	"CREDITCARDMSGSRSV1": set("CCSTMTTRNRS", "CCSTMTENDTRNRS"),
	"CCSTMTTRNRS":        set("TRNUID", "STATUS", "CLTCOOKIE", "OFXEXTENSION", "CCSTMTRS"),
	"CCSTMTRS": set("CURDEF", "CCACCTFROM", "BANKTRANLIST", "BANKTRANLISTP", "LEDGERBAL", "AVAILBAL", "CASHADVBALAMT",
		"INTRATEPURCH", "INTRATECASH", "INTRATEXFER", "REWARDINFO", "BALLIST", "MKTGINFO"),
	"REWARDINFO":    set("NAME", "REWARDBAL", "REWARDEARNED"),
	"BALLIST":       set("BAL"),
	"BAL":           set("NAME", "DESC", "BALTYPE", "VALUE", "DTASOF", "CURRENCY"),
	"BANKACCTFROM":  set("BANKID", "BRANCHID", "ACCTID", "ACCTTYPE", "ACCTKEY"),
	"CCACCTFROM":    set("ACCTID", "ACCTKEY"),
	"BANKACCTTO":    set("BANKID", "BRANCHID", "ACCTID", "ACCTTYPE", "ACCTKEY"),
	"CCACCTTO":      set("ACCTID", "ACCTKEY"),
	"LEDGERBAL":     set("BALAMT", "DTASOF"),
	"AVAILBAL":      set("BALAMT", "DTASOF"),
	"BANKTRANLIST":  set("DTSTART", "DTEND", "STMTTRN"),
	"BANKTRANLISTP": set("DTASOF", "STMTTRNP"),
	"STMTTRN": set("TRNTYPE", "DTPOSTED", "DTUSER", "DTAVAIL", "TRNAMT", "FITID", "CORRECTFITID", "CORRECTACTION",
		"SRVRTID", "CHECKNUM", "REFNUM", "SIC", "PAYEEID", "NAME", "PAYEE", "EXTDNAME", "BANKACCTTO", "CCACCTTO",
		"MEMO", "IMAGEDATA", "CURRENCY", "ORIGCURRENCY", "INV401KSOURCE"),
	"STMTTRNP": set("TRNTYPE", "DTTRAN", "DTEXPIRE", "TRNAMT", "REFNUM", "NAME", "EXTDNAME", "MEMO", "IMAGEDATA",
		"CURRENCY", "ORIGCURRENCY"),
	"PAYEE":        set("NAME", "ADDR1", "ADDR2", "ADDR3", "CITY", "STATE", "POSTALCODE", "COUNTRY", "PHONE"),
	"IMAGEDATA":    set("IMAGETYPE", "IMAGEREF", "IMAGEREFTYPE", "IMAGEDELAY", "DTIMAGEAVAIL", "IMAGETTL", "CHECKSUP"),
	"CURRENCY":     set("CURRATE", "CURSYM"),
	"ORIGCURRENCY": set("CURRATE", "CURSYM"),
}

// leaves lists the elements that never hold others: an opening tag after one of
// them, in SGML, means that it was empty.
var leaves = func() map[string]bool {
	all := map[string]bool{}
	for _, children := range elements {
		for name := range children {
			if elements[name] == nil && !passedOver[name] {
				all[name] = true
			}
		}
	}
	return all
}()

// passedOver lists the aggregates that we know and don't read: nothing below
// them is kept or counted.
var passedOver = set("SIGNUPMSGSRSV1", "PROFMSGSRSV1", "INVSTMTMSGSRSV1", "SECLISTMSGSRSV1", "INTERXFERMSGSRSV1",
	"WIREXFERMSGSRSV1", "BILLPAYMSGSRSV1", "EMAILMSGSRSV1", "LOANMSGSRSV1", "PRESDIRMSGSRSV1", "PRESDLVMSGSRSV1",
	"IMAGEMSGSRSV1", "TAX1099MSGSRSV1", "STMTENDTRNRS", "CCSTMTENDTRNRS", "OFXEXTENSION")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
