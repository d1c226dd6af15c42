### Texts of the chat. Each is said by its id (src/texts.rs); the tests find what is missing, unused or has other variables
### than in the other languages. What people type (/join, @ana, on, off) is the same in all languages.

## Days

weekday = { $n ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
}
month = { $n ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
}
date = { $weekday }, { $day } { $month } { $year }
date-and-time = { $date }, { $time }
# How long something took, short.
lasted-seconds = { $n } s
lasted-minutes = { $n } min
lasted-hours = { $n } h
lasted-days = { $n } days

## Words

word-online = online
word-away = away
word-busy = busy
word-offline = offline
you = you
name-you = { $name } (you)
name-on-host = { $name } on { $host }
and-more = and { $n } more
list-and-more = { $list } and { $n } more
thought-blocked = blocked
thought-changed = key changed
thought-verified = verified
thought-namesake = not the one known by that name before

## Commands: what stands behind them

args-room = #room
args-user-text = @user text
args-text = text
args-user = @user
args-user-or-none = [@user]
args-invite = [#room] @user …
args-answer = [#room|app]
args-start = app [title]
args-status = [busy] [text]
args-avatar = [file|none]
args-app = [app]
args-search = words from:ana …
args-name = [name]
args-part = [part]
args-level = [level]
args-poll = question | a | b
args-help-wanted = [what] [| where]
args-location = [where]
args-number = number
args-words = [word …]
args-path = path
args-file = [file]

## Commands: what they do

command-join = enter a room, or make it
command-msg = talk to one person in private
command-me = say what you do
command-who = list the people, or all about one
command-invite = ask people in, or into a new room
command-accept = enter a room, or run a program
command-decline = turn an invitation down
command-start = run a program with everybody here
command-observe = look on at a program, without a place
command-cancel = call off what you have started
command-apps = who here has which programs
command-search = find what was said, anywhere
command-members = who belongs here, and its seal
command-remove = put somebody out of this room
command-status = say how you are: busy tea for 2h
command-avatar = the picture of you; none: that of your key
command-notify = what the desktop shows: all, mentions or nothing
command-quiet = hours in which nothing is shown or rings
command-favourite = list this conversation among the first
command-typing = whether others see you typing
command-read-marks = whether others see what you have read
command-language = the language of the chat
command-theme = the window: light, dark, or as the system says
command-size = how large everything in it is, in percent
command-tray = whether the chat goes on in the tray
command-settings = what others see of you
command-verify = compare keys: is it really them?
command-block = refuse what somebody says
command-unblock = let them speak again
command-copy = choose a message and copy it
command-clear = empty the view; nothing is deleted
command-leave = leave this conversation
command-help = show the keys
command-quit = end the chat
command-reply = answer the newest message (F2 r: any)
command-react = react to the newest message (F2 1-8: any)
command-topic = what you write next is about
command-topics = list what was talked about
command-only = show what is new, mine, pinned, of a topic
command-poll = ask, and count the answers
command-vote = answer the newest poll
command-roll = throw dice that nobody can forge
command-announce = say what all should see
command-who-has = how far your newest message has come
command-watch = words that count as mentions
command-help-wanted = ask everybody on the network for help
command-coming = come to help (again: not after all)
command-helped = say that you were helped
command-location = where you are, for calls for help
command-files = list the files of this conversation
command-get = fetch a file (F2 g: any, f: its folder)
command-get-all = whose files come without asking
command-share = offer a file or a folder
command-export = write all of it: .txt, .json or .html
command-stop = stop a transfer; /get goes on
command-pause = give a file of this host to nobody for now
command-resume = give it again

## Commands: what is wrong with them

wrong-command = { $name } is no command here; /help lists them, and // says a slash
wrong-person = that needs a person: { $example }
wrong-text = that needs a text: { $example }
wrong-me = /me needs a text: /me waves
wrong-join = /join needs a room: /join #garden
wrong-msg = /msg needs a person: /msg @ana hello
wrong-invite = /invite needs people: /invite @ana @ben, or /invite #plans @ana
wrong-start = /start needs a program: /start org.example.chess, or its name; /apps lists them
wrong-setting = { $name } is on or off: { $name } off
wrong-language = /language is one of { $codes }, or auto: as the system says
wrong-theme = /theme is light, dark, or auto: as the system says
wrong-notify = /notify is all, mentions (and words you watch for), or nothing
wrong-quiet = /quiet needs hours: /quiet 22:00-07:00, or off
wrong-size = /size is a number from { $least } to { $most }
wrong-react = /react needs an emoji: /react :+1:
wrong-vote = /vote needs the number of an answer: /vote 2
wrong-location = A location is one line of at most { $most } bytes: /location Room 4.12
wrong-poll = /poll needs a question and 2 to 12 answers: /poll Tea? | yes | no
wrong-roll = /roll throws 1 to 100 dice of 2 to 1,000,000 sides: /roll 2d6
wrong-share = /share needs a path: /share ~/report.pdf
example-reply = of course
example-announce = we close at six

## People

who-line = { $name } on { $host }: { $status }
who-line-thought = { $name } on { $host }: { $status }, { $thought }
who-nobody = Nobody is there.
person-unknown = Nobody on the network is called { $name }.
person-several = Several have that name: name one by the first 8 digits of the key.
status-told = You are { $status }.
status-told-quiet = You are { $status }. Nothing rings.
status-told-saying = You are { $status }: { $saying }
status-told-until = You are { $status }: { $saying } (until { $time })
favourite-on = { $title } stands first now; again to end it.
favourite-off = { $title } stands among the others again.
profile-key = { $name }: key { $key }…, { $thought }
profile-not-compared = not compared yet; /verify does
profile-host = on { $host }: { $status } { $addresses }
profile-here-and-in = here and in { $rooms }
profile-you = that is you
profile-avatar = has set a picture
avatar-set = Everybody sees this picture of you now.
avatar-none = Everybody sees the picture of your key again.
avatar-told = You have set a picture; /avatar none takes it away.
avatar-told-none = Others see the picture of your key; /avatar ~/me.jpg sets one.
avatar-no-file = { $path } cannot be read: { $reason }
avatar-no-picture = This is not a picture that can be read; PNG, JPEG, GIF and WebP can.
avatar-damaged = The picture is damaged.
avatar-too-long = The file is too large; pictures may have { $most } MiB.
avatar-too-large = The picture is { $width } × { $height } pixels large, which is too much: make it smaller.
language-told = The chat speaks English.
look-told = The window is { $theme }, at { $size } %.
notify-all = The desktop shows everything in { $title }.
notify-mentions = The desktop shows mentions and watched words in { $title }.
notify-nothing = The desktop shows nothing of { $title }, and nothing rings.
notify-mute = The desktop shows nothing ({ $reason }).
notify-title = { $name } in { $title }
notify-open = Open
notify-reply = Reply
notify-accept = Accept
notify-invited = { $name } invites you
notify-together = You are asked to run { $title } together.
notify-unsent = What you answered was not sent: it waits in the line of { $title }.
quiet-told = Quiet hours: { $hours }.
quiet-off = There are no quiet hours.
tray-on = Closing the window leaves the chat in the tray, where there is one.
tray-off = Closing the window ends the chat.
tray-stays = Chalktalk goes on in the tray
tray-stays-how = Its menu ends it. With /tray off it ends with its window.
tray-open = Open Chalktalk
tray-busy = Do not disturb
tray-here = { $n ->
    [0] Nobody else is here
    [one] { $n } other is here
   *[other] { $n } others are here
}
tray-unread = { $n ->
    [0] Nothing is unread
    [one] { $n } message is unread
   *[other] { $n } messages are unread
}
tray-quit = Quit
theme-light = light
theme-dark = dark
theme-auto = as light or dark as the system

## Trust

held-back = The key of { $name } on { $host } has changed; what they say is held back. /verify @{ $name } compares it, /block @{ $name } refuses it.
compare = Compare with { $name }, in person or by phone, not in a chat. They type /verify @{ $me }, and both see:
compare-same = If it is the same there: /verify @{ $name } same
compare-first = First /verify { $name } shows what to compare.
marked-blocked = { $name } is blocked: nothing they say is shown. /unblock @{ $name } undoes it.
marked-changed = { $name } is not blocked; the changed key still waits for /verify @{ $name }.
marked-verified = { $name } is verified.
marked-unblocked = { $name } may speak again.

## Sending

not-published = That has not gone out: { $reason }
not-sent = not sent: { $reason }
unsent-at-quit = { $n ->
    [one] A message has not gone out yet; Ctrl-C again drops what waits.
   *[other] { $n } messages have not gone out yet; Ctrl-C again drops what waits.
}
too-long = A message is at most 64 KiB: send longer things as a file.
nothing-to-copy = There is nothing to copy yet.
copied = Copied.
nothing-to-react-to = There is nothing to react to yet.
nothing-to-answer = There is nothing to answer yet.
nothing-said-yet = You have not said anything here yet, since this chat was opened.
not-gone-out-yet = This has not gone out yet.
not-yours-to-edit = Only your own texts can be changed.
not-yours-to-delete = Only your own messages can be deleted.
delete-sure = d again deletes it for everybody; their logs keep it.
no-second-try = This needs no second try: the daemon has it, and goes on trying.
answers-nothing = This answers nothing.
answers-older = What this answers is further up: PgUp brings older messages.
nothing-new-here = Nothing here is new.
nothing-unread = Nothing is unread.
entries-lost = { $n ->
    [one] { $n } entry is lost: no host has it any more.
   *[other] { $n } entries are lost: no host has them any more.
}
failed-gone = the program it was for has ended
failed-no-app = the app is not installed there
failed-no-display = the app needs a display and there is none
failed-launch = the app could not be started
failed-never-attached = the app was started but did not answer
failed-no-agent = nobody is logged in there; the message waits

## What messages about messages say to programs that know no better

said-deleted = (deleted a message)
said-coming = (is coming to help)
said-not-coming = (is not coming after all)
said-helped = (was helped, thank you)
said-pinned = 📌 (pinned a message)
said-unpinned = (took a pin off)
said-avatar = 🖼 (has a new picture)
said-avatar-none = (has the picture of their key again)
said-took-back = (took back { $emoji })
said-voted = (votes for { $n })
said-vote-taken-back = (took a vote back)
said-throws = 🎲 throws { $dice }
said-share = (a share for dice)
said-has-file = (has the file)

## Topics, reactions, polls, dice

topic-on = What you write is about { $topic }; /topic alone ends it.
topic-off = What you write is about nothing in particular.
topics-none = No topics yet; /topic name begins one.
topics-hint = /only name shows one.
watch-none = Only your name and @here count as mentions.
watch-words = These words count as mentions: { $list }.
reacted = { $name } { $emoji } to “{ $text }”
reacted-in = { $name } { $emoji } to “{ $text }” in { $title }
poll-none = There is no poll here yet: /poll Tea? | yes | no
call-in = Help wanted in { $at }
call-comes = { $name } wants help in { $at } (F9: I am coming). { $what }
call-open = Nobody is coming yet.
call-coming = { $n ->
    [one] { $n } is coming: { $names }
   *[other] { $n } are coming: { $names }
}
call-helped = Helped, thank you.
call-helped-by = Helped, thank you: { $names }
call-over = No longer open.
call-keys = (F9 or /coming: I am coming; /helped: it has helped)
call-none = Nobody else is calling for help.
call-none-own = You have no open call for help.
comes = { $name } is coming to help.
comes-not = { $name } is not coming after all.
location-none = Nobody would find you: say where you are with /location Room 4.12, or once with /help-wanted what | Room 4.12
location-told = You are to be found in { $at }.
location-lost = Your location holds until this chat ends; it could not be kept: { $reason }
poll-answers = { $n ->
    [one] This poll has { $n } answer.
   *[other] This poll has { $n } answers.
}
dice-wait = waits for { $name } to vouch
dice-sealed = sealed; not told yet
dice-alone = { $sum }  (nobody vouches)
dice-vouched = { $sum }  (vouched by { $name })

## Typing and reading

signs-seen = others see it
signs-unseen = nobody sees it
signs-told = While you type: { $typing }. How far you have read: { $read }. /typing off, /read-marks off change it.
read-alone = Nobody else is there to read it.
read-by-nobody = Read by nobody yet, as far as they say so: { $others }.
read-by = Read by { $readers }.
read-by-some = Read by { $readers }; not yet, or they do not say so: { $others }.
typing-one = { $one } is typing…
typing-two = { $one } and { $other } are typing…
typing-several = { $n ->
    [one] { $n } person is typing…
   *[other] { $n } people are typing…
}

## Who has a message

holders-head = “{ $text }”: { $reached }
holders-author = written by { $name }
holders-line = { $name }: { $state }
holders-out-of-sight = { $name }: out of sight since { $time }; gets it when they are back
holder-read = has read it
holder-absent = not there; gets it when they are back
holder-lacks = does not have it yet; it is sent until they do
holder-has = has it; no program of theirs has shown it yet
holder-shown = has it, and a program has shown it
far-sending = on its way to the daemon
far-sent = sent, not stored yet
far-stored = stored on this host; none of the other hosts has said that it holds it
far-stored-direct = stored on this host; the other host has not said yet that it holds it
far-held = stored here, held by { $held } of { $all } other hosts, not shown to everybody present yet
far-held-direct = stored here, held by { $held } of { $all } hosts of the other, not shown to everybody present yet
far-delivered = stored here, held by others, and shown to everybody present

## Out of sight

sight-gone = Out of sight: { $names }. What is said meanwhile goes to them when they are back.
sight-back = Back after { $span }: { $names }.
sight-back-with = { $n ->
    [one] Back after { $span }: { $names }. { $n } message written meanwhile came along.
   *[other] Back after { $span }: { $names }. { $n } messages written meanwhile came along.
}
sight-new = { $n ->
    [one] You are new here: { $n } message restored from { $from }.
   *[other] You are new here: { $n } messages restored from { $from }.
}
sight-people = { $n ->
    [one] { $n } person ({ $names })
   *[other] { $n } people ({ $names })
}

## Files

file-line = { $name }: { $state }
file-moving = { $state } · /stop { $name }
file-here = here: { $path } · { $hosts }
file-not-here = It is not in your folder; g fetches it.
file-picture = Picture
file-no-picture = what was pasted is no picture
folder-no-display = there is no desktop to show the folder on; it is { $path }
folder-no-program = the folder cannot be shown, xdg-open does not run: { $reason }
preview-none = no preview: { $why }
preview-no-text = it is not text
file-failed = ✗ { $why } · /get { $name } tries again
file-kept = kept on this host · { $hosts } · /get { $name } writes it into your folder
file-paused = paused: nobody gets it from here · { $hosts } · /resume { $name }
file-not-given = Nothing of that name is on this host.
file-offered = { $hosts } · /get { $name } fetches it
file-hosts = { $all ->
    [one] on { $n } of { $all } host
   *[other] on { $n } of { $all } hosts
}
file-waits = waits for somebody who has it
file-part = { $percent }% of { $size }
file-from = from { $n }
file-writing = Writing…
file-none-offered = This offers no file.
file-sharing = { $name }: { $state } · /stop
file-not-written = not written
file-left-out = left out
file-stopped = { $name }: stopped; /get goes on from there.
file-not-shared = { $name }: not shared.
file-arrived = { $name } is here: { $path }
file-about = { $about } from { $name }
file-nobody-offers = Nobody has offered a file here; /files looks further back.
file-unknown = Nothing called { $name } was offered here; /files looks further back.
file-several = Several files begin with { $name }: give more digits.
file-too-many = So many files are on their way that another has to wait; /stop ends one.
file-none-moving = No such file is on its way here.
file-several-moving = Several are on their way; name one: /stop NAME
file-all-none = Every file waits for your /get; /get-all @ana fetches ana's without asking.
file-all = Files come without asking from { $names }.
file-all-on = Files of { $name } come without asking now, up to { $most }; again to end it.
file-all-off = Files of { $name } wait for your /get again.
file-listed = { $name } from { $who }: { $state }
file-older = { $n } older ones: chalktalk file list
file-being-shared = sharing { $name }: { $state }
file-none = No files yet; /share PATH offers one.

## Invitations and members

invited = { $name } invites you to { $title }. /accept { $room } enters it, /decline { $room } does not.
invited-to-app = { $name } asks in { $parent } to run { $title } together. { $what }
invited-app-answer = /accept { $app } takes part, /decline { $app } does not.
invited-but = But { $lacks }.
invitation-declined = You declined { $title }.
invitation-none = No invitation waits for you.
invitation-unknown = No invitation to { $name } waits.
invitation-several = Several invitations wait; name one: { $names }
invitation-answer = /accept { $name } enters it, /decline { $name } does not.
members-head = { $title }: { $seal }; { $past }.
seal-none = not sealed: everybody on this network can read it
seal-passphrase = sealed by the passphrase of this network
seal-pair = sealed between you two
seal-members = sealed for its members, by key { $name } (changed { $n } times)
seal-waits = nobody in it has confirmed you yet, and what you write waits; if it stays so, ask a member to invite you again
seal-changing = a new key is being made; what you write waits for it
past-seen = newcomers see its past
past-unseen = newcomers do not see its past
keeps-quota = All of it is kept, up to { $size } on each host; beyond, the oldest goes that everybody has.
keeps-live = It is not kept: newcomers see what is still in memory.
keeps-all = All of it is kept for good.
members-here = here: { $names }
members-away = away: { $names }
members-invited = invited: { $names }

## Running programs together

app-unknown = { $name } is not registered here; /apps shows what is.
app-nothing-started = You have started nothing here that could be called off.
app-several-started = You have started several; name one: /cancel NAME, or its id.
app-nothing-waits = Nothing waits that you could look on at.
app-several-wait = Several wait; name one: { $names }
apps-version = version { $version }
apps-row = { $app }: { $names }
apps-row-without = { $app }: { $names }; not { $without }
apps-silent = not told: { $names }
apps-hint = /start APP asks everybody here.
card-ended = Ended: { $what }
card-over = { $title } ({ $app }): over
card-head = { $title } ({ $app }) by { $name }
card-head-ended = { $head }: ended
card-head-called-off = { $head }: called off
card-asked = /accept { $title } takes part, /observe { $title } looks on, /decline { $title } does not
card-missing = /apps shows who has what; /accept { $title } once it is there
card-again = /accept { $title } takes part after all
card-withdraw = /decline { $title } withdraws
card-cancel = /cancel { $title } calls it off
card-gone = gone
card-host = host
card-looks-on = looks on
card-waits = waits for a place
standing-in = in
standing-starting = starting
standing-accepted = accepted
standing-asked = asked
standing-missing = missing
standing-failed = failed
standing-left = left
standing-declined = declined

## Searching, going somewhere

search-empty = type a word to look for, or a filter such as from:ana, in:#ops, has:link, after:2026-11-01
search-has = has:{ $what } is not known; there are has:link, has:code, has:file, has:poll, has:announcement and has:reply
search-day = { $what } is not a day; type 2026-11-24, today, yesterday, or 7d for seven days ago
search-value = { $filter }: what? Type it without a blank, such as { $filter }:{ $example }
searching = Searching…
found-nothing = Nothing was found; word* finds what begins so, and fewer words find more.
found-too-far = That is too far back to go there; `chalktalk history` shows all.
found-title = { $typed } · Enter goes there · Esc closes
found-count = { $n } of { $all }
goal-new = { $n } new
goal-new-for-you = { $n } new, { $mentions } for you
goal-not-open = not open
goal-person = { $status } on { $host }
goal-none = No conversation and nobody is called that; /join #name makes a room.
switcher-none = nothing is called that
switcher-title = Go to · Enter goes · Esc closes

## What is in view

only-topic = about { $topic }
only-new = new
only-mentions = mentions
only-pinned = pinned
purpose-only = only { $what }
purpose-end = { $what } · Esc ends it
a-message = a message
older-message = an older message
long-message = … (long; F2 y copies all of it)
deleted = (deleted)
edited = (edited)
newer-kind = ({ $kind }: needs a newer Chalktalk)
rule-new = new
read-all = ✓✓ read
read-some = ✓✓ read by { $n } of { $all }
held-some = ✓✓ { $n } of { $all }
below-more = ↓ { $n } more · Esc
below-new = ↓ { $n } new · Esc

## The screen

daemon-away = Away from the daemon; what you write goes out when it is back. ({ $reason })
header-waits = nobody in it has confirmed you yet
header-open = open: readable by everyone on this LAN
header-passphrase = sealed by the LAN's passphrase
header-invite = sealed: by invitation
header-direct = sealed: between you two
header-notify-all = everything notified
header-notify-nothing = nothing notified
header-quiet = quiet until { $time }
header-trouble = ! { $code }, see chalktalk doctor: { $text }
header-troubles = ! { $code } (and { $n } more), see chalktalk doctor: { $text }
header-here = { $n } here: { $names }
header-out-of-sight = out of sight since { $time }: { $names }
nothing-open = Nothing is open.
nothing-open-hint = /join #room enters a room, /msg @name talks to one person.
empty-direct = No words yet with { $title }.
empty-direct-hint = What you write opens their chat.
empty-room = Nothing was said in { $title } yet.
empty-room-hint = Say hello: everyone here will see it.
empty-keys = F1 shows the keys, / the commands.
input-hint = Message { $title }
status-keys = F1 keys · / commands · Alt-↑↓ switch · PgUp past
status-unread = { $n } unread elsewhere · { $name }
selecting-keys = r reply · e edit · d delete · p pin · o original · g get · w who has · y copy
completions-title = Tab takes
sidebar-rooms = ROOMS
sidebar-direct = DIRECT
sidebar-people = PEOPLE
sidebar-invitations = INVITATIONS
sidebar-you = (you)
sidebar-by = by { $name }

## Keys

key-enter = Enter
key-new-line = Alt-Enter, Ctrl-J
key-new-line-window = Shift-Enter
key-tab = Tab
key-up-down = Up, Down
key-alt-up-down = Alt-Up, Alt-Down
key-page = PgUp, PgDn, wheel
key-esc = Esc
key-words = Ctrl-Left, Ctrl-Right
key-mouse = Shift-mouse
keys-send = send
keys-new-line = new line
keys-complete = complete /command, @name, #room
keys-up-down = earlier messages of yours, or lines
keys-switch = other conversation (also Ctrl-P, Ctrl-N)
keys-place = conversation by place
keys-scroll = scroll
keys-newest = back to the newest line
keys-choose = choose a message, and do something with it
keys-call = ask everybody on the network for help
keys-come = come to help
keys-switcher = quick switcher: go anywhere by a few letters
keys-new = where the new begins
keys-unread = next conversation with something unread
keys-line = start, end of the line
keys-words = word left, right
keys-cut = cut word, to start, to end
keys-put-back = put back what was cut
keys-undo = undo, redo what was typed
keys-search = search in everything that was said
keys-size = larger, smaller, as it was
keys-mouse = select as your terminal does
keys-interrupt = drop the line; again: end
keys-ticks = … sending   ✓ stored here   ✓✓ 1 of 2 held by others   ✓✓ seen   ✗ failed
keys-signs = ✔ verified   ! key changed   ✕ blocked   ≈ not the one known before
help-title = Keys and commands · Esc closes
help-title-scroll = Keys and commands · ↑↓ scroll · Esc closes
help-more = ↓ { $n } more

## Writing files, the command line

export-ending = { $path }: end its name with .txt, .json or .html
export-failed = cannot write { $path }: { $reason }
export-done = { $n ->
    [one] { $n } message is in { $path }
   *[other] { $n } messages are in { $path }
}
export-as-of = as of { $when }
export-title = { $title }, as of { $when }
no-terminal = there is neither a display nor a terminal here; run it where there is one, or use --headless --transcript FILE
headless-thread = cannot start a thread: { $reason }
headless-lost = entries { $first } to { $last } of epoch { $epoch } in { $session } are lost for good
headless-away = away from the daemon: { $reason }
headless-not-opened = the offered session { $session } was not opened: { $reason }
system-failed = the system failed: { $reason }
terminal-failed = the terminal failed: { $reason }
transcript-make = cannot make the folder of { $path }: { $reason }
transcript-open = cannot open { $path }: { $reason }
transcript-read = cannot read { $path }: { $reason }
transcript-repair = cannot repair { $path }: { $reason }
transcript-store = cannot store { $path }: { $reason }
transcript-write = cannot write { $path }: { $reason }
transcript-busy = another chat is writing { $path }; give this one a file of its own
transcript-line = { $path }: line { $line } is no message: { $reason }

## The window

window-go-to = Go to…
window-go-to-name = Go to a conversation
window-notify = Notifications: { $level }
notify-level-all = everything
notify-level-mentions = mentions
notify-level-nothing = nothing
window-people = People · { $n }
window-invitations = Invitations
window-rooms = Rooms
window-direct = Direct
window-unread = { $title }, { $n } unread
window-person = { $name } on { $host }: { $status }
window-profile = About { $name }
window-profile-own = What others see of you
window-profile-hint = Drop a picture here, or paste one.
window-close = Close
window-talk = Write to them
window-avatar-file = Choose a file
window-avatar-none = Take the picture away
window-new = New
window-nothing-hint = Ctrl K finds a room or a person.
window-place = Place in the talk
window-message = Message
window-to-new = To what is new
window-to-newest = To the newest
window-below = { $n } new
window-cut = long; Ctrl C copies all of it
window-votes = { $answer }: { $votes } of { $all }
window-get = Get
window-stop = Stop
window-pause = Pause
window-resume = Resume
window-folder = Open folder
window-show = Show { $name } large
window-pasted = Send this picture to { $title }?
window-send = Send
window-not-send = Do not send
window-coming = I am coming
window-not-coming = I am not coming after all
window-helped = Helped, thank you
window-retry = Try again
window-take-part = Take part
window-look-on = Look on
window-decline = Decline
window-call-off = Call off
window-react = React with { $emoji }
window-react-else = React with something else
window-reply = Reply
window-edit = Edit
window-original = Go to what it answers
window-pin = Pin
window-unpin = Take the pin off
window-who-has = Who has it
window-delete = Delete
window-drop = Let go to offer it in { $title }
window-failed = The window cannot be opened ({ $reason }); --tui uses the terminal.
