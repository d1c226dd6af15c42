### نصوص المحادثة بالعربية؛ ما ينقص منها يُعرض بالإنجليزية. Commands and other things that people type stand in LTR("…"),
### so that they are read from left to right.

## الأيام

weekday = { $n ->
    [1] الاثنين
    [2] الثلاثاء
    [3] الأربعاء
    [4] الخميس
    [5] الجمعة
    [6] السبت
   *[7] الأحد
}
month = { $n ->
    [1] يناير
    [2] فبراير
    [3] مارس
    [4] أبريل
    [5] مايو
    [6] يونيو
    [7] يوليو
    [8] أغسطس
    [9] سبتمبر
    [10] أكتوبر
    [11] نوفمبر
   *[12] ديسمبر
}
date = { $weekday }، { $day } { $month } { $year }
date-and-time = { $date }، { $time }
# كم استغرق شيء ما، باختصار.
lasted-seconds = { $n } ث
lasted-minutes = { $n } د
lasted-hours = { $n } س
lasted-days = { $n ->
    [one] يوم
    [two] يومين
    [few] { $n } أيام
   *[other] { $n } يومًا
}

## كلمات

word-online = متصل
word-away = بعيد
word-busy = مشغول
word-offline = غير متصل
you = أنت
name-you = { $name } (أنت)
name-on-host = { $name } على { $host }
and-more = و{ $n } غيرها
list-and-more = { $list } و{ $n } غيرهم
thought-blocked = محظور
thought-changed = تغيّر المفتاح
thought-verified = موثّق
thought-namesake = ليس من عُرف بهذا الاسم من قبل

## الأوامر: ما يأتي بعدها

args-room = #غرفة
args-user-text = @شخص نص
args-text = نص
args-user = @شخص
args-user-or-none = [@شخص]
args-invite = [#غرفة] @شخص …
args-answer = [#غرفة|برنامج]
args-start = برنامج [عنوان]
args-status = { LTR("[busy]") } [نص]
args-avatar = [ملف] أو { LTR("none") }
args-app = [برنامج]
args-search = كلمات { LTR("from:ana") } …
args-name = [اسم]
args-part = [جزء]
args-level = [المستوى]
args-poll = سؤال | أ | ب
args-help-wanted = [بماذا] [| أين]
args-location = [أين]
args-number = رقم
args-words = [كلمة …]
args-path = مسار
args-file = [ملف]

## الأوامر: ما تفعله

command-join = ادخل غرفة أو أنشئها
command-msg = تحدّث إلى شخص على انفراد
command-me = قل ما تفعله
command-who = الحاضرون، أو كل شيء عن شخص
command-invite = ادعُ أشخاصًا إلى هنا أو إلى غرفة جديدة
command-accept = ادخل غرفة أو شغّل برنامجًا
command-decline = ارفض دعوة
command-start = شغّل برنامجًا مع كل من هنا
command-observe = شاهد برنامجًا دون أن تشارك
command-cancel = ألغِ ما بدأته
command-apps = من لديه هنا أي برامج
command-search = ابحث عمّا قيل في أي مكان
command-members = من ينتمي إلى هنا، وما الختم
command-remove = أخرج شخصًا من هذه الغرفة
command-status = قل كيف أنت، ولماذا، وحتى متى
command-avatar = الصورة التي يراها الآخرون لك؛ { LTR("none") }: صورة مفتاحك
command-notify = ما يعرضه سطح المكتب: all أو mentions أو nothing
command-quiet = ساعات لا يُعرض فيها شيء ولا يرنّ شيء
command-favourite = ضع هذه المحادثة بين الأوائل
command-typing = هل يرى الآخرون أنك تكتب
command-read-marks = هل يرى الآخرون ما قرأته
command-language = لغة المحادثة
command-theme = النافذة: فاتحة أو داكنة أو كما يقول النظام
command-size = حجم كل ما في النافذة، بالمئة
command-tray = هل تبقى الدردشة في شريط الأيقونات
command-settings = ما يراه الآخرون عنك
command-verify = قارن المفاتيح: أهو حقًا؟
command-block = لا تقبل ما يقوله شخص
command-unblock = دع شخصًا يتكلم من جديد
command-copy = اختر رسالة وانسخها
command-clear = أفرغ العرض؛ لا يُحذف شيء
command-leave = اترك هذه المحادثة
command-help = اعرض المفاتيح
command-quit = أنهِ البرنامج
command-reply = أجب عن أحدث رسالة ({ LTR("F2 r") }: أي رسالة)
command-react = تفاعل مع أحدث رسالة ({ LTR("F2 1-8") }: أي رسالة)
command-topic = موضوع ما تكتبه بعد الآن
command-topics = ما دار الحديث عنه
command-only = الجديد (new) أو ما يخصك (mine) أو المثبّت (pinned) أو موضوع
command-poll = اسأل وعُدّ الأجوبة
command-vote = أجب عن أحدث استطلاع
command-roll = ارمِ نردًا لا يستطيع أحد تزويره
command-announce = قل ما ينبغي أن يراه الجميع
command-who-has = إلى أين وصلت أحدث رسالة لك
command-watch = كلمات تُحسب ذكرًا لك
command-help-wanted = اطلب من كل من على الشبكة أن يأتي للمساعدة
command-coming = تعال للمساعدة في أحدث نداء، أو تراجع
command-helped = قل إنك تلقيت المساعدة
command-location = أين توجد، لنداءات المساعدة
command-files = ملفات هذه المحادثة
command-get = اجلب ملفًا أو مجلدًا ({ LTR("F2 g") }: أي ملف، { LTR("F2 f") }: اعرض مجلده)
command-get-all = من تأتي ملفاته دون سؤال
command-share = اعرض ملفًا أو مجلدًا
command-export = اكتب كل شيء في ملف: { LTR(".txt .json .html") }
command-stop = أوقف نقلًا؛ { LTR("/get") } يكمله
command-pause = لا تعطِ ملفًا من هذا الجهاز لأحد الآن
command-resume = أعطه من جديد

## الأوامر: ما الخطأ فيها

wrong-command = لا يوجد هنا أمر { $name }؛ { LTR("/help") } يعرض الأوامر، و{ LTR("//") } يكتب شرطة مائلة
wrong-person = ينقص شخص: { LTR($example) }
wrong-text = ينقص نص: { LTR($example) }
wrong-me = { LTR("/me") } يحتاج إلى نص: { LTR("/me") } يلوّح
wrong-join = { LTR("/join") } يحتاج إلى غرفة: { LTR("/join #garden") }
wrong-msg = { LTR("/msg") } يحتاج إلى شخص: { LTR("/msg @ana hello") }
wrong-invite = { LTR("/invite") } يحتاج إلى أشخاص: { LTR("/invite @ana @ben") } أو { LTR("/invite #plans @ana") }
wrong-start = { LTR("/start") } يحتاج إلى برنامج: { LTR("/start org.example.chess") } أو اسمه؛ { LTR("/apps") } يعرض البرامج
wrong-setting = { LTR($name) } هو on أو off:‏ { LTR($name, "off") }
wrong-language = { LTR("/language") } هو { LTR($codes) } أو auto: كما يقول النظام
wrong-theme = { LTR("/theme") } هو light أو dark أو auto: كما يقول النظام
wrong-notify = { LTR("/notify") } هو all (الكل) أو mentions (الإشارات وكلماتك) أو nothing (لا شيء)
wrong-quiet = { LTR("/quiet") } يحتاج إلى ساعات: { LTR("/quiet 22:00-07:00") } أو { LTR("off") }
wrong-size = { LTR("/size") } عدد من { $least } إلى { $most }
wrong-react = { LTR("/react") } يحتاج إلى رمز تعبيري: { LTR("/react :+1:") }
wrong-vote = { LTR("/vote") } يحتاج إلى رقم جواب: { LTR("/vote 2") }
wrong-location = المكان سطر واحد لا يتجاوز { $most } بايت: { LTR("/location") } غرفة 4
wrong-poll = { LTR("/poll") } يحتاج إلى سؤال ومن 2 إلى 12 جوابًا: { LTR("/poll") } شاي؟ | نعم | لا
wrong-roll = { LTR("/roll") } يرمي من 1 إلى 100 نرد لكل منها من 2 إلى 1,000,000 وجه: { LTR("/roll 2d6") }
wrong-share = { LTR("/share") } يحتاج إلى مسار: { LTR("/share ~/report.pdf") }
example-reply = بالتأكيد
example-announce = نغلق في السادسة

## الأشخاص

who-line = { $name } على { $host }: { $status }
who-line-thought = { $name } على { $host }: { $status }، { $thought }
who-nobody = لا أحد هنا.
person-unknown = لا أحد على الشبكة اسمه { $name }.
person-several = لعدة أشخاص هذا الاسم: سمِّ أحدهم بأول 8 خانات من مفتاحه.
status-told = أنت { $status }.
status-told-quiet = أنت { $status }. لن يرنّ شيء.
status-told-saying = أنت { $status }: { $saying }
status-told-until = أنت { $status }: { $saying } (حتى { $time })
favourite-on = { $title } في المقدمة الآن؛ كرّر الأمر لإنهاء ذلك.
favourite-off = عاد { $title } بين البقية.
profile-key = { $name }: المفتاح { LTR($key) }…، { $thought }
profile-not-compared = لم يُقارن بعد؛ { LTR("/verify") } يقارنه
profile-host = على { $host }: { $status } { LTR($addresses) }
profile-here-and-in = هنا وفي { $rooms }
profile-you = هذا أنت
profile-avatar = اختار صورة
avatar-set = يرى الجميع الآن هذه الصورة لك.
avatar-none = يرى الجميع صورة مفتاحك من جديد.
avatar-told = اخترت صورة؛ { LTR("/avatar none") } يزيلها.
avatar-told-none = يرى الآخرون صورة مفتاحك؛ { LTR("/avatar ~/me.jpg") } يختار واحدة.
avatar-no-file = لا يمكن قراءة { LTR($path) }: { $reason }
avatar-no-picture = هذه ليست صورة يمكن قراءتها؛ تُقرأ { LTR("PNG, JPEG, GIF, WebP") }.
avatar-damaged = الصورة تالفة.
avatar-too-long = الملف كبير جدًا؛ أقصى حجم للصور { $most } ميبيبايت.
avatar-too-large = حجم الصورة { $width } × { $height } بكسل، وهذا كثير: صغّرها.
language-told = المحادثة تتكلم العربية.
look-told = النافذة { $theme }، بنسبة { $size } %.
notify-all = يُعرض كل ما في { $title } على سطح المكتب.
notify-mentions = تُعرض الإشارات إليك والكلمات التي تراقبها في { $title } على سطح المكتب.
notify-nothing = لا يُعرض شيء من { $title } على سطح المكتب، ولا يرنّ شيء.
notify-mute = سطح المكتب لا يعرض شيئًا ({ $reason }).
notify-title = { $name } في { $title }
notify-open = فتح
notify-reply = ردّ
notify-accept = قبول
notify-invited = { $name } يدعوك
notify-together = أنت مدعوّ إلى تشغيل { $title } معًا.
notify-unsent = لم يُرسل ردّك: إنه ينتظر في سطر { $title }.
quiet-told = ساعات الهدوء: { $hours }.
quiet-off = لا توجد ساعات هدوء.
tray-on = إغلاق النافذة يُبقي الدردشة في شريط الأيقونات، حيث يوجد.
tray-off = إغلاق النافذة ينهي الدردشة.
tray-stays = Chalktalk باقٍ في شريط الأيقونات
tray-stays-how = قائمته تنهيه. ومع { LTR("/tray off") } ينتهي بإغلاق النافذة.
tray-open = فتح Chalktalk
tray-busy = عدم الإزعاج
tray-here = { $n ->
    [0] لا أحد غيرك هنا
    [one] شخص آخر هنا
    [two] شخصان آخران هنا
    [few] { $n } آخرون هنا
   *[other] { $n } شخصًا آخر هنا
}
tray-unread = { $n ->
    [0] لا جديد غير مقروء
    [one] رسالة واحدة غير مقروءة
    [two] رسالتان غير مقروءتين
    [few] { $n } رسائل غير مقروءة
   *[other] { $n } رسالة غير مقروءة
}
tray-quit = إنهاء
theme-light = فاتحة
theme-dark = داكنة
theme-auto = فاتحة أو داكنة كما النظام

## الثقة

held-back = تغيّر مفتاح { $name } على { $host }؛ ما يقوله محجوز. { LTR("/verify", "@", $name) } يقارنه، و{ LTR("/block", "@", $name) } يرفضه.
compare = قارن مع { $name } وجهًا لوجه أو بالهاتف، لا في محادثة مكتوبة. يكتب الطرف الآخر { LTR("/verify", "@", $me) } ويرى كلاكما:
compare-same = إذا كان عنده الشيء نفسه: { LTR("/verify", "@", $name, "same") }
compare-first = أولًا يعرض { LTR("/verify", $name) } ما ينبغي مقارنته.
marked-blocked = { $name } محظور: لا يُعرض شيء مما يقوله. { LTR("/unblock", "@", $name) } يلغي ذلك.
marked-changed = { $name } غير محظور؛ المفتاح الجديد ما زال ينتظر { LTR("/verify", "@", $name) }.
marked-verified = { $name } موثّق.
marked-unblocked = يستطيع { $name } الكلام من جديد.

## الإرسال

not-published = لم يخرج هذا: { $reason }
not-sent = لم يُرسل: { $reason }
unsent-at-quit = { $n ->
    [one] رسالة لم تخرج بعد؛ كرّر { LTR("Ctrl-C") } للتخلي عمّا ينتظر.
    [two] رسالتان لم تخرجا بعد؛ كرّر { LTR("Ctrl-C") } للتخلي عمّا ينتظر.
    [few] { $n } رسائل لم تخرج بعد؛ كرّر { LTR("Ctrl-C") } للتخلي عمّا ينتظر.
   *[other] { $n } رسالة لم تخرج بعد؛ كرّر { LTR("Ctrl-C") } للتخلي عمّا ينتظر.
}
too-long = لا تتجاوز الرسالة { LTR("64 KiB") }: أرسل الأطول ملفًا.
nothing-to-copy = لا شيء للنسخ بعد.
copied = نُسخ.
nothing-to-react-to = لا شيء للتفاعل معه بعد.
nothing-to-answer = لا شيء للإجابة عنه بعد.
nothing-said-yet = لم تقل هنا شيئًا منذ فتح هذه المحادثة.
not-gone-out-yet = لم يخرج هذا بعد.
not-yours-to-edit = يمكن تغيير نصوصك وحدها.
not-yours-to-delete = يمكن حذف رسائلك وحدها.
delete-sure = اضغط d مرة أخرى لحذفها عند الجميع؛ سجلاتهم تحتفظ بها.
no-second-try = لا حاجة إلى محاولة ثانية: هي عند الخدمة وما زالت تحاول.
answers-nothing = هذا لا يجيب عن شيء.
answers-older = ما يجيب عنه هذا أعلى: { LTR("PgUp") } يجلب رسائل أقدم.
nothing-new-here = لا جديد هنا.
nothing-unread = لا شيء غير مقروء.
entries-lost = { $n ->
    [one] ضاع قيد: لم يعد عند أي جهاز.
    [two] ضاع قيدان: لم يعودا عند أي جهاز.
    [few] ضاعت { $n } قيود: لم تعد عند أي جهاز.
   *[other] ضاع { $n } قيدًا: لم تعد عند أي جهاز.
}
failed-gone = انتهى البرنامج الذي كان هذا له
failed-no-app = البرنامج غير مثبّت هناك
failed-no-display = البرنامج يحتاج إلى شاشة ولا توجد شاشة
failed-launch = تعذّر تشغيل البرنامج
failed-never-attached = شُغّل البرنامج ولم يُجب
failed-no-agent = لا أحد مسجّل الدخول هناك؛ الرسالة تنتظر

## ما تقوله رسائل عن رسائل لبرامج أبسط

said-deleted = (حذف رسالة)
said-coming = (قادم للمساعدة)
said-not-coming = (لن يأتي)
said-helped = (تلقى المساعدة، شكرًا)
said-pinned = 📌 (ثبّت رسالة)
said-unpinned = (ألغى تثبيت رسالة)
said-avatar = 🖼 (له صورة جديدة)
said-avatar-none = (عادت له صورة مفتاحه)
said-took-back = (سحب { $emoji })
said-voted = (يصوّت لـ { $n })
said-vote-taken-back = (سحب صوته)
said-throws = 🎲 يرمي { $dice }
said-share = (حصة لنرد)
said-has-file = (لديه الملف)

## مواضيع وتفاعلات واستطلاعات ونرد

topic-on = موضوع ما تكتبه { $topic }؛ { LTR("/topic") } وحده ينهيه.
topic-off = ليس لما تكتبه موضوع.
topics-none = لا مواضيع بعد؛ { LTR("/topic") } مع اسم يبدأ موضوعًا.
topics-hint = { LTR("/only") } مع اسم يعرض موضوعًا.
watch-none = اسمك و{ LTR("@here") } وحدهما يُحسبان ذكرًا لك.
watch-words = هذه الكلمات تُحسب ذكرًا لك: { $list }.
reacted = { $name } { $emoji } على «{ $text }»
reacted-in = { $name } { $emoji } على «{ $text }» في { $title }
poll-none = لا استطلاع هنا بعد: { LTR("/poll") } شاي؟ | نعم | لا
call-in = مطلوب مساعدة في { $at }
call-comes = يطلب { $name } مساعدة في { $at } ({ LTR("F9") }: أنا قادم). { $what }
call-open = لا أحد قادم بعد.
call-coming = { $n ->
    [one] شخص واحد قادم: { $names }
    [two] شخصان قادمان: { $names }
    [few] { $n } أشخاص قادمون: { $names }
   *[other] { $n } شخصًا قادمون: { $names }
}
call-helped = تمت المساعدة، شكرًا.
call-helped-by = تمت المساعدة، شكرًا: { $names }
call-over = لم يعد مفتوحًا.
call-keys = ({ LTR("F9") } أو { LTR("/coming") }: أنا قادم؛ { LTR("/helped") }: تمت المساعدة)
call-none = لا أحد غيرك يطلب المساعدة.
call-none-own = ليس لك نداء مفتوح.
comes = { $name } قادم للمساعدة.
comes-not = لن يأتي { $name }.
location-none = لن يجدك أحد: قل أين أنت بـ { LTR("/location") } غرفة 4، أو مرة واحدة بـ { LTR("/help-wanted") } بماذا | غرفة 4
location-told = توجد في { $at }.
location-lost = يبقى مكانك حتى تنتهي هذه المحادثة؛ لم يمكن حفظه: { $reason }
poll-answers = { $n ->
    [one] لهذا الاستطلاع جواب واحد.
    [two] لهذا الاستطلاع جوابان.
    [few] لهذا الاستطلاع { $n } أجوبة.
   *[other] لهذا الاستطلاع { $n } جوابًا.
}
dice-wait = ينتظر شهادة { $name }
dice-sealed = مختوم؛ لم يُكشف بعد
dice-alone = { LTR($sum) }  (لا شاهد)
dice-vouched = { LTR($sum) }  (الشاهد { $name })

## الكتابة والقراءة

signs-seen = يراه الآخرون
signs-unseen = لا يراه أحد
signs-told = حين تكتب: { $typing }. إلى أين قرأت: { $read }. يغيّر ذلك { LTR("/typing off") } و{ LTR("/read-marks off") }.
read-alone = لا أحد غيرك هنا ليقرأه.
read-by-nobody = لم يقرأه أحد بعد، حسب ما يقولون: { $others }.
read-by = قرأه { $readers }.
read-by-some = قرأه { $readers }؛ لم يقرأه بعد، أو لا يقول ذلك: { $others }.
typing-one = { $one } يكتب…
typing-two = { $one } و{ $other } يكتبان…
typing-several = { $n ->
    [one] شخص يكتب…
    [two] شخصان يكتبان…
    [few] { $n } أشخاص يكتبون…
   *[other] { $n } شخصًا يكتبون…
}

## من لديه رسالة

holders-head = «{ $text }»: { $reached }
holders-author = كتبه { $name }
holders-line = { $name }: { $state }
holders-out-of-sight = { $name }: غائب عن النظر منذ { $time }؛ يصله حين يعود
holder-read = قرأه
holder-absent = ليس هناك؛ يصله حين يعود
holder-lacks = ليس لديه بعد؛ يُرسل حتى يصله
holder-has = لديه؛ لم يعرضه برنامج عنده بعد
holder-shown = لديه، وقد عرضه برنامج
far-sending = في الطريق إلى الخدمة
far-sent = أُرسل ولم يُحفظ بعد
far-stored = محفوظ على هذا الجهاز؛ لم يقل أي جهاز آخر إنه لديه
far-stored-direct = محفوظ على هذا الجهاز؛ لم يقل الجهاز الآخر بعد إنه لديه
far-held = محفوظ هنا، ولدى { $held } من { $all } من الأجهزة الأخرى، ولم يُعرض بعد على كل الحاضرين
far-held-direct = محفوظ هنا، ولدى { $held } من { $all } من أجهزة الطرف الآخر، ولم يُعرض بعد على كل الحاضرين
far-delivered = محفوظ هنا ولدى الآخرين، وعُرض على كل الحاضرين

## غائبون عن النظر

sight-gone = غاب عن النظر: { $names }. ما يقال في هذه الأثناء يصلهم حين يعودون.
sight-back = عاد بعد { $span }: { $names }.
sight-back-with = { $n ->
    [one] عاد بعد { $span }: { $names }. وصلت معه رسالة كُتبت في هذه الأثناء.
    [two] عاد بعد { $span }: { $names }. وصلت معه رسالتان كُتبتا في هذه الأثناء.
    [few] عاد بعد { $span }: { $names }. وصلت معه { $n } رسائل كُتبت في هذه الأثناء.
   *[other] عاد بعد { $span }: { $names }. وصلت معه { $n } رسالة كُتبت في هذه الأثناء.
}
sight-new = { $n ->
    [one] أنت جديد هنا: استُعيدت رسالة من { $from }.
    [two] أنت جديد هنا: استُعيدت رسالتان من { $from }.
    [few] أنت جديد هنا: استُعيدت { $n } رسائل من { $from }.
   *[other] أنت جديد هنا: استُعيدت { $n } رسالة من { $from }.
}
sight-people = { $n ->
    [one] شخص ({ $names })
    [two] شخصين ({ $names })
    [few] { $n } أشخاص ({ $names })
   *[other] { $n } شخصًا ({ $names })
}

## ملفات

file-line = { $name }: { $state }
file-moving = { $state } · { LTR("/stop", $name) }
file-here = هنا: { LTR($path) } · { $hosts }
file-not-here = ليس في مجلدك؛ { LTR("g") } يحضره.
file-picture = صورة
file-no-picture = ما لُصق ليس صورة
folder-no-display = لا يوجد سطح مكتب لعرض المجلد: { LTR($path) }
folder-no-program = تعذر عرض المجلد، { LTR("xdg-open") } لا يعمل: { $reason }
preview-none = لا توجد معاينة: { $why }
preview-no-text = ليس نصًا
file-failed = ✗ { $why } · { LTR("/get", $name) } يحاول مرة أخرى
file-kept = موجود على هذا الجهاز · { $hosts } · { LTR("/get", $name) } يكتبه في مجلدك
file-paused = متوقف: لا يحصل عليه أحد من هنا · { $hosts } · { LTR("/resume", $name) }
file-not-given = لا شيء بهذا الاسم على هذا الجهاز.
file-offered = { $hosts } · { LTR("/get", $name) } يجلبه
file-hosts = { $all ->
    [one] على { $n } من { $all } جهاز
    [two] على { $n } من جهازين
    [few] على { $n } من { $all } أجهزة
   *[other] على { $n } من { $all } جهازًا
}
file-waits = ينتظر من لديه الملف
file-part = { $percent }% من { LTR($size) }
file-from = من { $n }
file-writing = تجري الكتابة…
file-none-offered = هذا لا يعرض ملفًا.
file-sharing = { $name }: { $state } · { LTR("/stop") }
file-not-written = لم يُكتب
file-left-out = تُرك
file-stopped = { $name }: أُوقف؛ { LTR("/get") } يكمل من هناك.
file-not-shared = { $name }: لم يُعرض.
file-arrived = { $name } هنا: { LTR($path) }
file-about = { $about } من { $name }
file-nobody-offers = لم يعرض أحد هنا ملفًا؛ { LTR("/files") } يبحث أبعد.
file-unknown = لم يُعرض هنا شيء اسمه { $name }؛ { LTR("/files") } يبحث أبعد.
file-several = تبدأ عدة ملفات بـ { $name }: اكتب أرقامًا أكثر.
file-too-many = ملفات كثيرة في الطريق فعلى غيرها أن ينتظر؛ { LTR("/stop") } ينهي أحدها.
file-none-moving = لا ملف كهذا في الطريق هنا.
file-several-moving = عدة ملفات في الطريق؛ سمِّ أحدها: { LTR("/stop NAME") }
file-all-none = كل ملف ينتظر { LTR("/get") } منك؛ { LTR("/get-all @ana") } يجلب ملفات آنا دون سؤال.
file-all = تأتي دون سؤال ملفات { $names }.
file-all-on = ملفات { $name } تأتي الآن دون سؤال، حتى { LTR($most) }؛ كرّر الأمر لإنهاء ذلك.
file-all-off = ملفات { $name } تنتظر { LTR("/get") } منك من جديد.
file-listed = { $name } من { $who }: { $state }
file-older = { $n } أقدم: { LTR("chalktalk file list") }
file-being-shared = يجري عرض { $name }: { $state }
file-none = لا ملفات بعد؛ { LTR("/share PATH") } يعرض ملفًا.

## دعوات وأعضاء

invited = { $name } يدعوك إلى { $title }. { LTR("/accept", $room) } يدخل، و{ LTR("/decline", $room) } يرفض.
invited-to-app = { $name } يطلب في { $parent } تشغيل { $title } معًا. { $what }
invited-app-answer = { LTR("/accept", $app) } يشارك، و{ LTR("/decline", $app) } يرفض.
invited-but = لكن { $lacks }.
invitation-declined = رفضت { $title }.
invitation-none = لا دعوة تنتظرك.
invitation-unknown = لا دعوة إلى { $name } تنتظر.
invitation-several = عدة دعوات تنتظر؛ سمِّ واحدة: { $names }
invitation-answer = { LTR("/accept", $name) } يدخل، و{ LTR("/decline", $name) } يرفض.
members-head = { $title }: { $seal }؛ { $past }.
seal-none = غير مختوم: يستطيع كل من على هذه الشبكة قراءته
seal-passphrase = مختوم بعبارة سر هذه الشبكة
seal-pair = مختوم بينكما
seal-members = مختوم لأعضائه بالمفتاح { $name } (عدد مرات تغييره { $n })
seal-waits = لم يؤكدك أحد فيه بعد، وما تكتبه ينتظر؛ إن بقي كذلك فاطلب من عضو أن يدعوك من جديد
seal-changing = مفتاح جديد قيد الصنع؛ ما تكتبه ينتظره
past-seen = يرى الجدد ما مضى
past-unseen = لا يرى الجدد ما مضى
keeps-quota = يُحفظ كله، حتى { LTR($size) } على كل جهاز؛ وما زاد يذهب أقدمه الذي عند الجميع.
keeps-live = لا يُحفظ: يرى الجدد ما بقي في الذاكرة.
keeps-all = يُحفظ كله دائمًا.
members-here = هنا: { $names }
members-away = بعيد: { $names }
members-invited = مدعو: { $names }

## تشغيل برامج معًا

app-unknown = { $name } غير مسجّل هنا؛ { LTR("/apps") } يعرض الموجود.
app-nothing-started = لم تبدأ هنا شيئًا يمكن إلغاؤه.
app-several-started = بدأت عدة برامج؛ سمِّ واحدًا: { LTR("/cancel NAME") }، أو معرّفه.
app-nothing-waits = لا شيء ينتظر لتشاهده.
app-several-wait = عدة برامج تنتظر؛ سمِّ واحدًا: { $names }
apps-version = الإصدار { LTR($version) }
apps-row = { $app }: { $names }
apps-row-without = { $app }: { $names }؛ دون { $without }
apps-silent = لم يقل: { $names }
apps-hint = { LTR("/start APP") } يسأل كل من هنا.
card-ended = انتهى: { $what }
card-over = { $title } ({ $app }): انتهى
card-head = { $title } ({ $app }) من { $name }
card-head-ended = { $head }: انتهى
card-head-called-off = { $head }: أُلغي
card-asked = { LTR("/accept", $title) } يشارك، { LTR("/observe", $title) } يشاهد، { LTR("/decline", $title) } يرفض
card-missing = { LTR("/apps") } يعرض من لديه ماذا؛ { LTR("/accept", $title) } حين يكون هناك
card-again = { LTR("/accept", $title) } يشارك مع ذلك
card-withdraw = { LTR("/decline", $title) } ينسحب
card-cancel = { LTR("/cancel", $title) } يلغيه
card-gone = ذهب
card-host = مضيف
card-looks-on = يشاهد
card-waits = ينتظر مكانًا
standing-in = مشارك
standing-starting = يبدأ
standing-accepted = قبل
standing-asked = سُئل
standing-missing = ناقص
standing-failed = فشل
standing-left = غادر
standing-declined = رفض

## البحث والانتقال

search-empty = اكتب كلمة تبحث عنها، أو مرشّحًا مثل { LTR("from:ana, in:#ops, has:link, after:2026-11-01") }
search-has = { LTR("has:", $what) } غير معروف؛ هناك { LTR("has:link, has:code, has:file, has:poll, has:announcement, has:reply") }
search-day = { LTR($what) } ليس يومًا؛ اكتب { LTR("2026-11-24, today, yesterday") } أو { LTR("7d") } لما قبل سبعة أيام
search-value = { LTR($filter) }: ماذا؟ اكتبه دون فراغ، مثل { LTR($filter) }:{ LTR($example) }
searching = يجري البحث…
found-nothing = لم يُعثر على شيء؛ { LTR("word*") } يجد ما يبدأ هكذا، والكلمات الأقل تجد أكثر.
found-too-far = هذا أبعد من أن يُنتقل إليه؛ { LTR("chalktalk history") } يعرض كل شيء.
found-title = { $typed } · { LTR("Enter") } ينتقل · { LTR("Esc") } يغلق
found-count = { $n } من { $all }
goal-new = { $n } جديد
goal-new-for-you = { $n } جديد، { $mentions } لك
goal-not-open = غير مفتوح
goal-person = { $status } على { $host }
goal-none = لا محادثة ولا شخص بهذا الاسم؛ { LTR("/join #name") } ينشئ غرفة.
switcher-none = لا شيء بهذا الاسم
switcher-title = اذهب إلى · { LTR("Enter") } ينتقل · { LTR("Esc") } يغلق

## ما يُعرض

only-topic = عن { $topic }
only-new = الجديد
only-mentions = ما يخصك
only-pinned = المثبّت
purpose-only = فقط { $what }
purpose-end = { $what } · { LTR("Esc") } ينهيه
a-message = رسالة
older-message = رسالة أقدم
long-message = … (طويلة؛ { LTR("F2 y") } ينسخها كلها)
deleted = (حُذفت)
edited = (عُدّلت)
newer-kind = ({ $kind }: يحتاج إلى إصدار أحدث من Chalktalk)
rule-new = جديد
read-all = ✓✓ قُرئت
read-some = ✓✓ قرأها { $n } من { $all }
held-some = ✓✓ { $n } من { $all }
below-more = ↓ { $n } بعد · { LTR("Esc") }
below-new = ↓ { $n } جديد · { LTR("Esc") }

## الشاشة

daemon-away = لا اتصال بالخدمة؛ ما تكتبه يخرج حين تعود. ({ $reason })
header-waits = لم يؤكدك أحد فيه بعد
header-open = مفتوح: يقرؤه كل من على هذه الشبكة
header-passphrase = مختوم بعبارة سر الشبكة
header-invite = مختوم: بدعوة
header-direct = مختوم: بينكما
header-notify-all = يُنبَّه بكل شيء
header-notify-nothing = لا تنبيه
header-quiet = هدوء حتى { $time }
header-trouble = ! { $code }، انظر { LTR("chalktalk doctor") }: { $text }
header-troubles = ! { $code } (و{ $n } غيرها)، انظر { LTR("chalktalk doctor") }: { $text }
header-here = { $n } هنا: { $names }
header-out-of-sight = غائب عن النظر منذ { $time }: { $names }
nothing-open = لا شيء مفتوح.
nothing-open-hint = { LTR("/join #room") } يدخل غرفة، و{ LTR("/msg @name") } يحدّث شخصًا.
empty-direct = لا كلام بعد مع { $title }.
empty-direct-hint = ما تكتبه يفتح المحادثة هناك.
empty-room = لم يُقل شيء في { $title } بعد.
empty-room-hint = قل مرحبًا: يراه كل من هنا.
empty-keys = { LTR("F1") } يعرض المفاتيح، و{ LTR("/") } الأوامر.
input-hint = رسالة إلى { $title }
status-keys = { LTR("F1") } مفاتيح · { LTR("/") } أوامر · { LTR("Alt-↑↓") } تبديل · { LTR("PgUp") } ما مضى
status-unread = { $n } غير مقروءة في أماكن أخرى · { $name }
selecting-keys = r رد · e تعديل · d حذف · p تثبيت · o الأصل · g جلب · w عند من · y نسخ
completions-title = { LTR("Tab") } يأخذ
sidebar-rooms = الغرف
sidebar-direct = خاص
sidebar-people = الأشخاص
sidebar-invitations = الدعوات
sidebar-you = (أنت)
sidebar-by = من { $name }

## المفاتيح

key-enter = Enter
key-new-line = Alt-Enter, Ctrl-J
key-new-line-window = Shift-Enter
key-tab = Tab
key-up-down = ↑ ↓
key-alt-up-down = Alt-↑ Alt-↓
key-page = PgUp, PgDn, عجلة
key-esc = Esc
key-words = Ctrl-← Ctrl-→
key-mouse = Shift-فأرة
keys-send = إرسال
keys-new-line = سطر جديد
keys-complete = إكمال { LTR("/command, @name, #room") }
keys-up-down = رسائلك السابقة، أو الأسطر
keys-switch = محادثة أخرى (أيضًا { LTR("Ctrl-P, Ctrl-N") })
keys-place = محادثة حسب مكانها
keys-scroll = تمرير
keys-newest = العودة إلى أحدث سطر
keys-choose = اختيار رسالة وفعل شيء بها
keys-call = طلب المساعدة من كل من على الشبكة
keys-come = القدوم للمساعدة
keys-switcher = انتقال سريع إلى أي مكان ببضعة أحرف
keys-new = حيث يبدأ الجديد
keys-unread = المحادثة التالية التي فيها غير مقروء
keys-line = أول السطر، آخره
keys-words = كلمة يسارًا، يمينًا
keys-cut = قص كلمة، حتى الأول، حتى الآخر
keys-put-back = إعادة ما قُص
keys-undo = التراجع عما كُتب وإعادته
keys-search = البحث في كل ما قيل
keys-size = أكبر، أصغر، كما كان
keys-mouse = التحديد كما في طرفيتك
keys-interrupt = التخلي عن السطر؛ ومرة أخرى: إنهاء
keys-ticks = … تُرسل   ✓ محفوظة هنا   ✓✓ لدى 1 من 2   ✓✓ شوهدت   ✗ فشلت
keys-signs = ✔ موثّق   ! تغيّر المفتاح   ✕ محظور   ≈ ليس المعروف من قبل
help-title = مفاتيح وأوامر · { LTR("Esc") } يغلق
help-title-scroll = مفاتيح وأوامر · ↑↓ تمرير · { LTR("Esc") } يغلق
help-more = ↓ { $n } بعد

## كتابة ملفات، سطر الأوامر

export-ending = { LTR($path) }: أنهِ اسمه بـ { LTR(".txt .json .html") }
export-failed = تعذّرت كتابة { LTR($path) }: { $reason }
export-done = { $n ->
    [one] رسالة واحدة في { LTR($path) }
    [two] رسالتان في { LTR($path) }
    [few] { $n } رسائل في { LTR($path) }
   *[other] { $n } رسالة في { LTR($path) }
}
export-as-of = حتى { $when }
export-title = { $title }، حتى { $when }
no-terminal = لا شاشة هنا ولا طرفية؛ شغّله حيث توجد إحداهما أو استعمل { LTR("--headless --transcript FILE") }
headless-thread = تعذّر بدء خيط: { $reason }
headless-lost = القيود من { $first } إلى { $last } من الحقبة { $epoch } في { LTR($session) } ضاعت نهائيًا
headless-away = لا اتصال بالخدمة: { $reason }
headless-not-opened = لم تُفتح الجلسة المعروضة { LTR($session) }: { $reason }
system-failed = تعطّل النظام: { $reason }
terminal-failed = تعطّلت الطرفية: { $reason }
transcript-make = تعذّر إنشاء مجلد { LTR($path) }: { $reason }
transcript-open = تعذّر فتح { LTR($path) }: { $reason }
transcript-read = تعذّرت قراءة { LTR($path) }: { $reason }
transcript-repair = تعذّر إصلاح { LTR($path) }: { $reason }
transcript-store = تعذّر حفظ { LTR($path) }: { $reason }
transcript-write = تعذّرت كتابة { LTR($path) }: { $reason }
transcript-busy = محادثة أخرى تكتب { LTR($path) }؛ أعطِ هذه ملفًا خاصًا بها
transcript-line = { LTR($path) }: السطر { $line } ليس رسالة: { $reason }

## النافذة

window-go-to = الانتقال إلى…
window-go-to-name = الانتقال إلى محادثة
window-notify = التنبيهات: { $level }
notify-level-all = الكل
notify-level-mentions = الإشارات
notify-level-nothing = لا شيء
window-people = الناس · { $n }
window-invitations = الدعوات
window-rooms = الغرف
window-direct = مباشر
window-unread = ‏{ $title }، { $n } غير مقروءة
window-person = ‏{ $name } على { $host }: { $status }
window-profile = عن { $name }
window-profile-own = ما يراه الآخرون منك
window-profile-hint = أفلت صورة هنا، أو ألصق واحدة.
window-close = إغلاق
window-talk = راسله
window-avatar-file = اختر ملفًا
window-avatar-none = أزل الصورة
window-new = جديد
window-nothing-hint = ‏Ctrl K يجد غرفة أو شخصًا.
window-place = الموضع في الحديث
window-message = رسالة
window-to-new = إلى الجديد
window-to-newest = إلى الأحدث
window-below = ‏{ $n } جديدة
window-cut = طويلة؛ Ctrl C ينسخها كاملة
window-votes = ‏{ $answer }: { $votes } من { $all }
window-get = إحضار
window-stop = إيقاف
window-pause = إيقاف مؤقت
window-resume = استئناف
window-folder = افتح المجلد
window-show = اعرض { $name } كبيرة
window-pasted = أترسل هذه الصورة إلى { $title }؟
window-send = أرسل
window-not-send = لا ترسل
window-coming = أنا قادم
window-not-coming = لن آتي
window-helped = تمت المساعدة، شكرًا
window-retry = إعادة المحاولة
window-take-part = المشاركة
window-look-on = المشاهدة
window-decline = رفض
window-call-off = إلغاء
window-react = تفاعل بـ { $emoji }
window-react-else = تفاعل بشيء آخر
window-reply = رد
window-edit = تعديل
window-original = الذهاب إلى ما ترد عليه
window-pin = تثبيت
window-unpin = إلغاء التثبيت
window-who-has = من لديه هي
window-delete = حذف
window-drop = أفلت لعرضه في { $title }
window-failed = تعذر فتح النافذة ({ $reason })؛ ‎--tui يستخدم الطرفية.
