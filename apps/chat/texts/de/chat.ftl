### Texte des Chats auf Deutsch; was fehlt, wird auf Englisch gesagt. Wer liest, wird geduzt.

## Tage

weekday = { $n ->
    [1] Montag
    [2] Dienstag
    [3] Mittwoch
    [4] Donnerstag
    [5] Freitag
    [6] Samstag
   *[7] Sonntag
}
month = { $n ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
}
date = { $weekday }, { $day }. { $month } { $year }
date-and-time = { $date }, { $time }
# Wie lange etwas gedauert hat, kurz.
lasted-seconds = { $n } s
lasted-minutes = { $n } min
lasted-hours = { $n } h
lasted-days = { $n } Tagen

## Wörter

word-online = da
word-away = abwesend
word-busy = beschäftigt
word-offline = nicht da
you = du
name-you = { $name } (du)
name-on-host = { $name } auf { $host }
and-more = und { $n } weitere
list-and-more = { $list } und { $n } weitere
thought-blocked = gesperrt
thought-changed = anderer Schlüssel
thought-verified = geprüft
thought-namesake = nicht die Person, die zuvor so hieß

## Befehle: was dahinter steht

args-room = #raum
args-user-text = @person text
args-text = text
args-user = @person
args-user-or-none = [@person]
args-invite = [#raum] @person …
args-answer = [#raum|programm]
args-start = programm [titel]
args-status = [busy] [text]
args-avatar = [datei|none]
args-app = [programm]
args-search = wörter from:ana …
args-name = [name]
args-part = [teil]
args-level = [Stufe]
args-poll = frage | a | b
args-help-wanted = [womit] [| wo]
args-location = [wo]
args-number = nummer
args-words = [wort …]
args-path = pfad
args-file = [datei]

## Befehle: was sie tun

command-join = einen Raum betreten oder anlegen
command-msg = mit einer Person allein sprechen
command-me = sagen, was du tust
command-who = wer da ist, oder alles über eine Person
command-invite = Leute hereinbitten, oder in einen neuen Raum
command-accept = einen Raum betreten, oder ein Programm öffnen
command-decline = eine Einladung ablehnen
command-start = ein Programm mit allen hier öffnen
command-observe = einem Programm zusehen, ohne mitzumachen
command-cancel = absagen, was du begonnen hast
command-apps = wer hier welche Programme hat
command-search = finden, was gesagt wurde, überall
command-members = wer dazugehört, und wie es versiegelt ist
command-remove = jemanden aus diesem Raum ausschließen
command-status = sagen, wie es um dich steht: busy Tee for 2h
command-avatar = Ihr Bild für alle; none: das Ihres Schlüssels
command-notify = was der Desktop zeigt: all, mentions oder nothing
command-quiet = Stunden, in denen nichts gezeigt wird oder läutet
command-favourite = dieses Gespräch unter den ersten zeigen
command-typing = ob andere sehen, dass du schreibst
command-read-marks = ob andere sehen, was du gelesen hast
command-language = die Sprache des Chats
command-theme = das Fenster: hell, dunkel oder wie das System
command-size = wie groß alles im Fenster ist, in Prozent
command-tray = ob der Chat in der Symbolleiste weiterläuft
command-settings = was andere von dir sehen
command-verify = Schlüssel vergleichen: ist sie es wirklich?
command-block = nichts mehr von jemandem annehmen
command-unblock = jemanden wieder sprechen lassen
command-copy = eine Nachricht wählen und kopieren
command-clear = die Ansicht leeren; gelöscht wird nichts
command-leave = dieses Gespräch verlassen
command-help = die Tasten zeigen
command-quit = den Chat beenden
command-reply = auf die neueste Nachricht antworten (F2 r: auf jede)
command-react = auf die neueste Nachricht reagieren (F2 1-8: auf jede)
command-topic = worum es im Folgenden geht
command-topics = worüber gesprochen wurde
command-only = nur Neues (new), Meines (mine), Angeheftetes (pinned), ein Thema
command-poll = fragen, und die Antworten zählen
command-vote = auf die neueste Umfrage antworten
command-roll = würfeln, ohne dass jemand schummeln kann
command-announce = sagen, was alle sehen sollen
command-who-has = wie weit deine neueste Nachricht gekommen ist
command-watch = Wörter, die als Erwähnung zählen
command-help-wanted = alle im Netz bitten, helfen zu kommen
command-coming = zum neuesten Hilferuf kommen, oder doch nicht
command-helped = sagen, dass geholfen ist
command-location = wo Sie zu finden sind, für Hilferufe
command-files = die Dateien dieses Gesprächs
command-get = eine Datei holen (F2 g: jede, f: ihr Ordner)
command-get-all = wessen Dateien ungefragt kommen
command-share = eine Datei oder einen Ordner anbieten
command-export = alles in eine Datei schreiben: .txt, .json oder .html
command-stop = eine Übertragung anhalten; /get setzt sie fort
command-pause = eine Datei dieses Rechners vorerst niemandem geben
command-resume = sie wieder geben

## Befehle: was daran nicht stimmt

wrong-command = { $name } ist hier kein Befehl; /help zeigt alle, und // sagt einen Schrägstrich
wrong-person = da fehlt eine Person: { $example }
wrong-text = da fehlt ein Text: { $example }
wrong-me = /me braucht einen Text: /me winkt
wrong-join = /join braucht einen Raum: /join #garten
wrong-msg = /msg braucht eine Person: /msg @ana hallo
wrong-invite = /invite braucht Leute: /invite @ana @ben, oder /invite #pläne @ana
wrong-start = /start braucht ein Programm: /start org.example.chess, oder seinen Namen; /apps zeigt alle
wrong-setting = { $name } ist on oder off: { $name } off
wrong-language = /language ist { $codes } oder auto: wie es das System sagt
wrong-theme = /theme ist light, dark oder auto: wie es das System sagt
wrong-notify = /notify ist all (alles), mentions (Erwähnungen und deine Wörter) oder nothing (nichts)
wrong-quiet = /quiet braucht Stunden: /quiet 22:00-07:00 oder off
wrong-size = /size ist eine Zahl von { $least } bis { $most }
wrong-react = /react braucht ein Emoji: /react :+1:
wrong-vote = /vote braucht die Nummer einer Antwort: /vote 2
wrong-location = Ein Ort ist eine Zeile von höchstens { $most } Bytes: /location Raum 4.12
wrong-poll = /poll braucht eine Frage und 2 bis 12 Antworten: /poll Tee? | ja | nein
wrong-roll = /roll wirft 1 bis 100 Würfel mit 2 bis 1.000.000 Seiten: /roll 2d6
wrong-share = /share braucht einen Pfad: /share ~/bericht.pdf
example-reply = na klar
example-announce = um sechs ist Schluss

## Personen

who-line = { $name } auf { $host }: { $status }
who-line-thought = { $name } auf { $host }: { $status }, { $thought }
who-nobody = Niemand ist da.
person-unknown = Niemand im Netz heißt { $name }.
person-several = Mehrere heißen so: nenne jemanden mit den ersten 8 Ziffern des Schlüssels.
status-told = Du bist { $status }.
status-told-quiet = Du bist { $status }. Nichts läutet.
status-told-saying = Du bist { $status }: { $saying }
status-told-until = Du bist { $status }: { $saying } (bis { $time })
favourite-on = { $title } steht jetzt vorn; noch einmal beendet das.
favourite-off = { $title } steht wieder bei den anderen.
profile-key = { $name }: Schlüssel { $key }…, { $thought }
profile-not-compared = noch nicht verglichen; /verify tut das
profile-host = auf { $host }: { $status } { $addresses }
profile-here-and-in = hier und in { $rooms }
profile-you = das sind Sie
profile-avatar = hat ein Bild gewählt
avatar-set = Alle sehen jetzt dieses Bild von Ihnen.
avatar-none = Alle sehen wieder das Bild Ihres Schlüssels.
avatar-told = Sie haben ein Bild gewählt; /avatar none nimmt es weg.
avatar-told-none = Andere sehen das Bild Ihres Schlüssels; /avatar ~/ich.jpg wählt eines.
avatar-no-file = { $path } kann nicht gelesen werden: { $reason }
avatar-no-picture = Das ist kein Bild, das gelesen werden kann; PNG, JPEG, GIF und WebP sind es.
avatar-damaged = Das Bild ist beschädigt.
avatar-too-long = Die Datei ist zu groß; Bilder dürfen { $most } MiB haben.
avatar-too-large = Das Bild hat { $width } × { $height } Pixel, das ist zu viel: Machen Sie es kleiner.
language-told = Der Chat spricht Deutsch.
look-told = Das Fenster ist { $theme }, bei { $size } %.
notify-all = Der Desktop zeigt alles in { $title }.
notify-mentions = Der Desktop zeigt Erwähnungen und beachtete Wörter in { $title }.
notify-nothing = Der Desktop zeigt nichts von { $title }, und nichts läutet.
notify-mute = Der Desktop zeigt nichts ({ $reason }).
notify-title = { $name } in { $title }
notify-open = Öffnen
notify-reply = Antworten
notify-accept = Annehmen
notify-invited = { $name } lädt dich ein
notify-together = Du sollst { $title } mit ausführen.
notify-unsent = Deine Antwort wurde nicht gesendet: sie wartet in der Zeile von { $title }.
quiet-told = Ruhestunden: { $hours }.
quiet-off = Es gibt keine Ruhestunden.
tray-on = Wer das Fenster schließt, lässt den Chat in der Symbolleiste, wo es eine gibt.
tray-off = Wer das Fenster schließt, beendet den Chat.
tray-stays = Chalktalk läuft in der Symbolleiste weiter
tray-stays-how = Beendet wird es in seinem Menü. Mit /tray off endet es mit dem Fenster.
tray-open = Chalktalk öffnen
tray-busy = Nicht stören
tray-here = { $n ->
    [0] Sonst ist niemand da
    [one] { $n } andere Person ist da
   *[other] { $n } andere sind da
}
tray-unread = { $n ->
    [0] Nichts ist ungelesen
    [one] { $n } Nachricht ist ungelesen
   *[other] { $n } Nachrichten sind ungelesen
}
tray-quit = Beenden
theme-light = hell
theme-dark = dunkel
theme-auto = hell oder dunkel wie das System

## Vertrauen

held-back = Der Schlüssel von { $name } auf { $host } hat sich geändert; was von dort kommt, wird zurückgehalten. /verify @{ $name } vergleicht ihn, /block @{ $name } weist ihn ab.
compare = Vergleiche mit { $name }, von Angesicht zu Angesicht oder am Telefon, nicht in einem Chat. Auf der anderen Seite wird /verify @{ $me } eingegeben, und beide sehen:
compare-same = Wenn dort dasselbe steht: /verify @{ $name } same
compare-first = Erst zeigt /verify { $name }, was zu vergleichen ist.
marked-blocked = { $name } ist gesperrt: nichts von dort wird gezeigt. /unblock @{ $name } hebt das auf.
marked-changed = { $name } ist nicht gesperrt; der geänderte Schlüssel wartet noch auf /verify @{ $name }.
marked-verified = { $name } ist geprüft.
marked-unblocked = { $name } darf wieder sprechen.

## Senden

not-published = Das ist nicht hinausgegangen: { $reason }
not-sent = nicht gesendet: { $reason }
unsent-at-quit = { $n ->
    [one] Eine Nachricht ist noch nicht hinausgegangen; noch einmal Strg-C verwirft, was wartet.
   *[other] { $n } Nachrichten sind noch nicht hinausgegangen; noch einmal Strg-C verwirft, was wartet.
}
too-long = Eine Nachricht hat höchstens 64 KiB: sende Längeres als Datei.
nothing-to-copy = Es gibt noch nichts zu kopieren.
copied = Kopiert.
nothing-to-react-to = Es gibt noch nichts, worauf man reagieren könnte.
nothing-to-answer = Es gibt noch nichts, worauf man antworten könnte.
nothing-said-yet = Du hast hier noch nichts gesagt, seit dieser Chat offen ist.
not-gone-out-yet = Das ist noch nicht hinausgegangen.
not-yours-to-edit = Nur eigene Texte lassen sich ändern.
not-yours-to-delete = Nur eigene Nachrichten lassen sich löschen.
delete-sure = Noch einmal d löscht sie für alle; deren Protokolle behalten sie.
no-second-try = Das braucht keinen zweiten Versuch: der Daemon hat es und versucht es weiter.
answers-nothing = Das antwortet auf nichts.
answers-older = Worauf das antwortet, steht weiter oben: Bild↑ holt ältere Nachrichten.
nothing-new-here = Hier ist nichts neu.
nothing-unread = Nichts ist ungelesen.
entries-lost = { $n ->
    [one] { $n } Eintrag ist verloren: kein Rechner hat ihn mehr.
   *[other] { $n } Einträge sind verloren: kein Rechner hat sie mehr.
}
failed-gone = das Programm, für das es war, ist beendet
failed-no-app = das Programm ist dort nicht installiert
failed-no-display = das Programm braucht einen Bildschirm, und es gibt keinen
failed-launch = das Programm ließ sich nicht starten
failed-never-attached = das Programm wurde gestartet, hat aber nicht geantwortet
failed-no-agent = dort ist niemand angemeldet; die Nachricht wartet

## Was Nachrichten über Nachrichten einfacheren Programmen sagen

said-deleted = (hat eine Nachricht gelöscht)
said-coming = (kommt helfen)
said-not-coming = (kommt doch nicht)
said-helped = (ist geholfen, danke)
said-pinned = 📌 (hat eine Nachricht angeheftet)
said-unpinned = (hat eine Nachricht abgeheftet)
said-avatar = 🖼 (hat ein neues Bild)
said-avatar-none = (hat wieder das Bild des eigenen Schlüssels)
said-took-back = (hat { $emoji } zurückgenommen)
said-voted = (stimmt für { $n })
said-vote-taken-back = (hat die Stimme zurückgenommen)
said-throws = 🎲 wirft { $dice }
said-share = (ein Anteil für Würfel)
said-has-file = (hat die Datei)

## Themen, Reaktionen, Umfragen, Würfel

topic-on = Was du schreibst, handelt von { $topic }; /topic allein beendet das.
topic-off = Was du schreibst, hat kein Thema.
topics-none = Noch keine Themen; /topic name beginnt eines.
topics-hint = /only name zeigt eines.
watch-none = Nur dein Name und @here zählen als Erwähnung.
watch-words = Diese Wörter zählen als Erwähnung: { $list }.
reacted = { $name } { $emoji } zu „{ $text }“
reacted-in = { $name } { $emoji } zu „{ $text }“ in { $title }
poll-none = Hier gibt es noch keine Umfrage: /poll Tee? | ja | nein
call-in = Hilfe gesucht in { $at }
call-comes = { $name } sucht Hilfe in { $at } (F9: ich komme). { $what }
call-open = Noch kommt niemand.
call-coming = { $n ->
    [one] { $n } kommt: { $names }
   *[other] { $n } kommen: { $names }
}
call-helped = Geholfen, danke.
call-helped-by = Geholfen, danke: { $names }
call-over = Nicht mehr offen.
call-keys = (F9 oder /coming: ich komme; /helped: es hat geholfen)
call-none = Niemand sonst sucht Hilfe.
call-none-own = Von Ihnen ist kein Hilferuf offen.
comes = { $name } kommt helfen.
comes-not = { $name } kommt doch nicht.
location-none = Niemand fände Sie: Sagen Sie mit /location Raum 4.12, wo Sie sind, oder einmal mit /help-wanted womit | Raum 4.12
location-told = Sie sind zu finden in { $at }.
location-lost = Ihr Ort gilt, bis dieser Chat endet; er ließ sich nicht aufheben: { $reason }
poll-answers = { $n ->
    [one] Diese Umfrage hat { $n } Antwort.
   *[other] Diese Umfrage hat { $n } Antworten.
}
dice-wait = wartet, dass { $name } bürgt
dice-sealed = versiegelt; noch nicht verraten
dice-alone = { $sum }  (niemand bürgt)
dice-vouched = { $sum }  ({ $name } bürgt)

## Schreiben und Lesen

signs-seen = andere sehen es
signs-unseen = niemand sieht es
signs-told = Während du schreibst: { $typing }. Wie weit du gelesen hast: { $read }. /typing off, /read-marks off ändern das.
read-alone = Niemand sonst ist da, um es zu lesen.
read-by-nobody = Soweit sie es sagen, noch von niemandem gelesen: { $others }.
read-by = Gelesen von { $readers }.
read-by-some = Gelesen von { $readers }; noch nicht, oder sie sagen es nicht: { $others }.
typing-one = { $one } schreibt…
typing-two = { $one } und { $other } schreiben…
typing-several = { $n ->
    [one] { $n } Person schreibt…
   *[other] { $n } Personen schreiben…
}

## Wer eine Nachricht hat

holders-head = „{ $text }“: { $reached }
holders-author = geschrieben von { $name }
holders-line = { $name }: { $state }
holders-out-of-sight = { $name }: seit { $time } außer Sicht; bekommt es nach der Rückkehr
holder-read = hat es gelesen
holder-absent = nicht da; bekommt es nach der Rückkehr
holder-lacks = hat es noch nicht; es wird gesendet, bis es da ist
holder-has = hat es; kein Programm dort hat es bisher gezeigt
holder-shown = hat es, und ein Programm hat es gezeigt
far-sending = auf dem Weg zum Daemon
far-sent = gesendet, noch nicht gespeichert
far-stored = auf diesem Rechner gespeichert; noch kein anderer hat gesagt, dass er es hat
far-stored-direct = auf diesem Rechner gespeichert; der andere hat noch nicht gesagt, dass er es hat
far-held = hier gespeichert, bei { $held } von { $all } anderen Rechnern, noch nicht allen gezeigt, die da sind
far-held-direct = hier gespeichert, bei { $held } von { $all } Rechnern der anderen Seite, noch nicht allen gezeigt, die da sind
far-delivered = hier gespeichert, bei anderen, und allen gezeigt, die da sind

## Außer Sicht

sight-gone = Außer Sicht: { $names }. Was bis zur Rückkehr gesagt wird, kommt dann an.
sight-back = Nach { $span } zurück: { $names }.
sight-back-with = { $n ->
    [one] Nach { $span } zurück: { $names }. { $n } Nachricht aus der Zwischenzeit kam mit.
   *[other] Nach { $span } zurück: { $names }. { $n } Nachrichten aus der Zwischenzeit kamen mit.
}
sight-new = { $n ->
    [one] Du bist neu hier: { $n } Nachricht kam von { $from }.
   *[other] Du bist neu hier: { $n } Nachrichten kamen von { $from }.
}
sight-people = { $n ->
    [one] { $n } Person ({ $names })
   *[other] { $n } Personen ({ $names })
}

## Dateien

file-line = { $name }: { $state }
file-moving = { $state } · /stop { $name }
file-here = hier: { $path } · { $hosts }
file-not-here = Nicht in deinem Ordner; g holt es.
file-picture = Bild
file-no-picture = das Eingefügte ist kein Bild
folder-no-display = hier ist kein Desktop, der den Ordner zeigen könnte: { $path }
folder-no-program = der Ordner lässt sich nicht zeigen, xdg-open läuft nicht: { $reason }
preview-none = keine Vorschau: { $why }
preview-no-text = kein Text
file-failed = ✗ { $why } · /get { $name } versucht es noch einmal
file-kept = auf diesem Rechner vorhanden · { $hosts } · /get { $name } schreibt es in deinen Ordner
file-paused = angehalten: von hier bekommt es niemand · { $hosts } · /resume { $name }
file-not-given = Nichts mit diesem Namen ist auf diesem Rechner.
file-offered = { $hosts } · /get { $name } holt es
file-hosts = { $all ->
    [one] auf { $n } von { $all } Rechner
   *[other] auf { $n } von { $all } Rechnern
}
file-waits = wartet auf jemanden, der es hat
file-part = { $percent } % von { $size }
file-from = von { $n }
file-writing = Wird geschrieben…
file-none-offered = Hier wird keine Datei angeboten.
file-sharing = { $name }: { $state } · /stop
file-not-written = nicht geschrieben
file-left-out = ausgelassen
file-stopped = { $name }: angehalten; /get macht dort weiter.
file-not-shared = { $name }: nicht geteilt.
file-arrived = { $name } ist hier: { $path }
file-about = { $about } von { $name }
file-nobody-offers = Hier hat niemand eine Datei angeboten; /files sucht weiter zurück.
file-unknown = Hier wurde nichts namens { $name } angeboten; /files sucht weiter zurück.
file-several = Mehrere Dateien beginnen mit { $name }: bitte mehr Ziffern angeben.
file-too-many = Es sind so viele Dateien unterwegs, dass die nächste warten muss; /stop hält eine an.
file-none-moving = Hier ist keine solche Datei unterwegs.
file-several-moving = Mehrere sind unterwegs; nenne eine: /stop NAME
file-all-none = Jede Datei wartet auf dein /get; /get-all @ana holt die von Ana ungefragt.
file-all = Ungefragt kommen die Dateien von { $names }.
file-all-on = Dateien von { $name } kommen jetzt ungefragt, bis { $most }; noch einmal beendet das.
file-all-off = Dateien von { $name } warten wieder auf dein /get.
file-listed = { $name } von { $who }: { $state }
file-older = { $n } ältere: chalktalk file list
file-being-shared = { $name } wird geteilt: { $state }
file-none = Noch keine Dateien; /share PFAD bietet eine an.

## Einladungen und Mitglieder

invited = { $name } lädt dich zu { $title } ein. /accept { $room } tritt ein, /decline { $room } lehnt ab.
invited-to-app = { $name } möchte in { $parent } zusammen { $title } öffnen. { $what }
invited-app-answer = /accept { $app } macht mit, /decline { $app } lehnt ab.
invited-but = Doch { $lacks }.
invitation-declined = Du hast { $title } abgelehnt.
invitation-none = Keine Einladung wartet auf dich.
invitation-unknown = Keine Einladung zu { $name } wartet.
invitation-several = Mehrere Einladungen warten; nenne eine: { $names }
invitation-answer = /accept { $name } tritt ein, /decline { $name } lehnt ab.
members-head = { $title }: { $seal }; { $past }.
seal-none = nicht versiegelt: alle in diesem Netz können mitlesen
seal-passphrase = versiegelt mit dem Kennsatz dieses Netzes
seal-pair = versiegelt zwischen euch beiden
seal-members = versiegelt für die Mitglieder, mit Schlüssel { $name } ({ $n }-mal gewechselt)
seal-waits = niemand darin hat dich bisher bestätigt, und was du schreibst, wartet; bleibt es so, bitte ein Mitglied um eine neue Einladung
seal-changing = ein neuer Schlüssel entsteht; was du schreibst, wartet auf ihn
past-seen = wer neu ist, sieht, was war
past-unseen = wer neu ist, sieht nicht, was war
keeps-quota = Alles bleibt, bis { $size } auf jedem Rechner; darüber geht das Älteste, das alle haben.
keeps-live = Nichts bleibt: wer neu ist, sieht, was noch im Speicher ist.
keeps-all = Alles bleibt, für immer.
members-here = hier: { $names }
members-away = nicht da: { $names }
members-invited = eingeladen: { $names }

## Zusammen Programme öffnen

app-unknown = { $name } ist hier nicht bekannt; /apps zeigt, was es gibt.
app-nothing-started = Du hast hier nichts begonnen, das sich absagen ließe.
app-several-started = Du hast mehreres begonnen; nenne eines: /cancel NAME, oder seine Kennung.
app-nothing-waits = Nichts wartet, wobei du zusehen könntest.
app-several-wait = Mehrere warten; nenne eines: { $names }
apps-version = Version { $version }
apps-row = { $app }: { $names }
apps-row-without = { $app }: { $names }; nicht { $without }
apps-silent = nicht gesagt: { $names }
apps-hint = /start PROGRAMM fragt alle hier.
card-ended = Beendet: { $what }
card-over = { $title } ({ $app }): vorbei
card-head = { $title } ({ $app }) von { $name }
card-head-ended = { $head }: beendet
card-head-called-off = { $head }: abgesagt
card-asked = /accept { $title } macht mit, /observe { $title } sieht zu, /decline { $title } lehnt ab
card-missing = /apps zeigt, wer was hat; /accept { $title }, sobald es da ist
card-again = /accept { $title } macht doch mit
card-withdraw = /decline { $title } zieht zurück
card-cancel = /cancel { $title } sagt es ab
card-gone = fort
card-host = Gastgeber
card-looks-on = sieht zu
card-waits = wartet auf einen Platz
standing-in = dabei
standing-starting = öffnet
standing-accepted = zugesagt
standing-asked = gefragt
standing-missing = fehlt
standing-failed = misslungen
standing-left = gegangen
standing-declined = abgelehnt

## Suchen und hingehen

search-empty = gib ein Wort ein, oder einen Filter wie from:ana, in:#ops, has:link, after:2026-11-01
search-has = has:{ $what } gibt es nicht; es gibt has:link, has:code, has:file, has:poll, has:announcement und has:reply
search-day = { $what } ist kein Tag; schreibe 2026-11-24, today, yesterday, oder 7d für vor sieben Tagen
search-value = { $filter }: was? Schreibe es ohne Leerzeichen, etwa { $filter }:{ $example }
searching = Wird gesucht…
found-nothing = Nichts gefunden; wort* findet, was so beginnt, und weniger Wörter finden mehr.
found-too-far = Das liegt zu weit zurück; `chalktalk history` zeigt alles.
found-title = { $typed } · Enter geht hin · Esc schließt
found-count = { $n } von { $all }
goal-new = { $n } neu
goal-new-for-you = { $n } neu, { $mentions } für dich
goal-not-open = nicht offen
goal-person = { $status } auf { $host }
goal-none = Kein Gespräch und niemand heißt so; /join #name legt einen Raum an.
switcher-none = nichts heißt so
switcher-title = Gehe zu · Enter geht hin · Esc schließt

## Was zu sehen ist

only-topic = über { $topic }
only-new = Neues
only-mentions = Erwähnungen
only-pinned = Angeheftetes
purpose-only = nur { $what }
purpose-end = { $what } · Esc beendet es
a-message = eine Nachricht
older-message = eine ältere Nachricht
long-message = … (lang; F2 y kopiert alles)
deleted = (gelöscht)
edited = (geändert)
newer-kind = ({ $kind }: braucht ein neueres Chalktalk)
rule-new = neu
read-all = ✓✓ gelesen
read-some = ✓✓ gelesen von { $n } von { $all }
held-some = ✓✓ { $n } von { $all }
below-more = ↓ { $n } weitere · Esc
below-new = ↓ { $n } neu · Esc

## Der Bildschirm

daemon-away = Ohne Daemon; was du schreibst, geht hinaus, wenn er zurück ist. ({ $reason })
header-waits = niemand darin hat dich bisher bestätigt
header-open = offen: alle in diesem LAN können mitlesen
header-passphrase = versiegelt mit dem Kennsatz des LANs
header-invite = versiegelt: nur auf Einladung
header-direct = versiegelt: zwischen euch beiden
header-notify-all = alles wird gemeldet
header-notify-nothing = nichts wird gemeldet
header-quiet = Ruhe bis { $time }
header-trouble = ! { $code }, siehe chalktalk doctor: { $text }
header-troubles = ! { $code } (und { $n } weitere), siehe chalktalk doctor: { $text }
header-here = { $n } hier: { $names }
header-out-of-sight = außer Sicht seit { $time }: { $names }
nothing-open = Nichts ist offen.
nothing-open-hint = /join #raum betritt einen Raum, /msg @name spricht mit einer Person.
empty-direct = Noch kein Wort mit { $title }.
empty-direct-hint = Was du schreibst, öffnet dort den Chat.
empty-room = In { $title } wurde noch nichts gesagt.
empty-room-hint = Sag hallo: alle hier sehen es.
empty-keys = F1 zeigt die Tasten, / die Befehle.
input-hint = Nachricht an { $title }
status-keys = F1 Tasten · / Befehle · Alt-↑↓ wechselt · Bild↑ zurück
status-unread = { $n } anderswo ungelesen · { $name }
selecting-keys = r antworten · e ändern · d löschen · p anheften · o Original · g holen · w wer hat es · y kopieren
completions-title = Tab nimmt
sidebar-rooms = RÄUME
sidebar-direct = DIREKT
sidebar-people = PERSONEN
sidebar-invitations = EINLADUNGEN
sidebar-you = (du)
sidebar-by = von { $name }

## Tasten

key-enter = Enter
key-new-line = Alt-Enter, Strg-J
key-new-line-window = Umschalt-Enter
key-tab = Tab
key-up-down = Hoch, Runter
key-alt-up-down = Alt-Hoch, Alt-Runter
key-page = Bild↑, Bild↓, Rad
key-esc = Esc
key-words = Strg-Links, Strg-Rechts
key-mouse = Umschalt-Maus
keys-send = senden
keys-new-line = neue Zeile
keys-complete = /befehl, @name, #raum ergänzen
keys-up-down = frühere eigene Nachrichten, oder Zeilen
keys-switch = anderes Gespräch (auch Strg-P, Strg-N)
keys-place = Gespräch nach Platz
keys-scroll = blättern
keys-newest = zurück zur neuesten Zeile
keys-choose = eine Nachricht wählen und etwas damit tun
keys-call = alle im Netz um Hilfe bitten
keys-come = helfen kommen
keys-switcher = überallhin mit ein paar Buchstaben
keys-new = wo das Neue beginnt
keys-unread = nächstes Gespräch mit Ungelesenem
keys-line = Anfang, Ende der Zeile
keys-words = Wort links, rechts
keys-cut = Wort, bis Anfang, bis Ende ausschneiden
keys-put-back = Ausgeschnittenes einfügen
keys-undo = Getipptes zurücknehmen, wieder herstellen
keys-search = in allem suchen, was gesagt wurde
keys-size = größer, kleiner, wie vorher
keys-mouse = auswählen, wie dein Terminal es tut
keys-interrupt = die Zeile verwerfen; noch einmal: Ende
keys-ticks = … wird gesendet   ✓ hier gespeichert   ✓✓ 1 von 2 haben es   ✓✓ gesehen   ✗ misslungen
keys-signs = ✔ geprüft   ! anderer Schlüssel   ✕ gesperrt   ≈ nicht die Person von zuvor
help-title = Tasten und Befehle · Esc schließt
help-title-scroll = Tasten und Befehle · ↑↓ blättert · Esc schließt
help-more = ↓ { $n } weitere

## Dateien schreiben, die Befehlszeile

export-ending = { $path }: der Name muss auf .txt, .json oder .html enden
export-failed = { $path } lässt sich nicht schreiben: { $reason }
export-done = { $n ->
    [one] { $n } Nachricht steht in { $path }
   *[other] { $n } Nachrichten stehen in { $path }
}
export-as-of = Stand { $when }
export-title = { $title }, Stand { $when }
no-terminal = hier ist weder ein Bildschirm noch ein Terminal; starte es, wo es eines gibt, oder nimm --headless --transcript DATEI
headless-thread = ein Thread lässt sich nicht starten: { $reason }
headless-lost = Einträge { $first } bis { $last } der Epoche { $epoch } in { $session } sind endgültig verloren
headless-away = ohne Daemon: { $reason }
headless-not-opened = die angebotene Sitzung { $session } wurde nicht geöffnet: { $reason }
system-failed = das System hat versagt: { $reason }
terminal-failed = das Terminal hat versagt: { $reason }
transcript-make = der Ordner von { $path } lässt sich nicht anlegen: { $reason }
transcript-open = { $path } lässt sich nicht öffnen: { $reason }
transcript-read = { $path } lässt sich nicht lesen: { $reason }
transcript-repair = { $path } lässt sich nicht reparieren: { $reason }
transcript-store = { $path } lässt sich nicht sichern: { $reason }
transcript-write = { $path } lässt sich nicht schreiben: { $reason }
transcript-busy = ein anderer Chat schreibt { $path }; gib diesem eine eigene Datei
transcript-line = { $path }: Zeile { $line } ist keine Nachricht: { $reason }

## Das Fenster

window-go-to = Gehe zu …
window-go-to-name = Zu einem Gespräch gehen
window-notify = Benachrichtigungen: { $level }
notify-level-all = alles
notify-level-mentions = Erwähnungen
notify-level-nothing = nichts
window-people = Leute · { $n }
window-invitations = Einladungen
window-rooms = Räume
window-direct = Direkt
window-unread = { $title }, { $n } ungelesen
window-person = { $name } auf { $host }: { $status }
window-profile = Über { $name }
window-profile-own = Was andere von Ihnen sehen
window-profile-hint = Lassen Sie hier ein Bild fallen, oder fügen Sie eines ein.
window-close = Schließen
window-talk = Anschreiben
window-avatar-file = Datei wählen
window-avatar-none = Bild wegnehmen
window-new = Neu
window-nothing-hint = Strg K findet einen Raum oder jemanden.
window-place = Stelle im Gespräch
window-message = Nachricht
window-to-new = Zum Neuen
window-to-newest = Zum Neuesten
window-below = { $n } neu
window-cut = lang; Strg C kopiert alles
window-votes = { $answer }: { $votes } von { $all }
window-get = Holen
window-stop = Anhalten
window-pause = Pausieren
window-resume = Fortsetzen
window-folder = Ordner öffnen
window-show = { $name } groß zeigen
window-pasted = Dieses Bild an { $title } senden?
window-send = Senden
window-not-send = Nicht senden
window-coming = Ich komme
window-not-coming = Ich komme doch nicht
window-helped = Geholfen, danke
window-retry = Noch einmal versuchen
window-take-part = Mitmachen
window-look-on = Zusehen
window-decline = Ablehnen
window-call-off = Absagen
window-react = Mit { $emoji } antworten
window-react-else = Mit etwas anderem antworten
window-reply = Antworten
window-edit = Ändern
window-original = Zu dem gehen, was es beantwortet
window-pin = Anheften
window-unpin = Nicht mehr anheften
window-who-has = Wer sie hat
window-delete = Löschen
window-drop = Loslassen, um es in { $title } anzubieten
window-failed = Das Fenster lässt sich nicht öffnen ({ $reason }); --tui nimmt das Terminal.
