# New tickets and phone calls.

choose-none = none
service = Service
severity-hint = Disaster pages at any hour; high pages whoever is on duty; average waits for working hours.
new-what = What is it?
new-what-example = DB master down
new-risk = Risk
new-body = What is known
new-body-hint = May be empty. Everything else can come later.
new-more = Customer, service, owner, times, files
new-owner = Who has it
new-labels = Labels
new-impact-hint = Empty: now. Never in the future.
new-hold = It waits from the start
new-open = Open it

call-title = Phone call
call-lead = Five facts, then read the number out.
call-what = What doesn't work?
call-caller = Caller
call-number-hint = Read it back.
call-when = We call back within
call-at = at
call-at-time = Time of the call back
call-since = Since when?
call-who = Who and how many are hit?
call-tried = What have they tried?
call-sees = What do they see? Error texts, word for word
call-log = Log the call

said-opened = { $what } is open and its clocks run.
said-call = Read this number out: { $what }. Its clocks run.

field-not-a-choice = "{ $value }" isn't one of the choices.
