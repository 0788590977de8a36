"""What guessers try first: words that long passwords are made of, and rows of keys."""

from __future__ import annotations

_WORDS = """
password passwort passw0rd motdepasse contrasena senha wachtwoord parola haslo heslo salasana losenord
adgangskode
welcome welcometo letmein letmeinnow iloveyou ilovemyself loveyou lovelove trustno changeme changethis
changeit default
administrator administrador admin adminadmin superadmin superuser supervisor rootroot rootpassword toor
secret topsecret
supersecret mysecret mypassword mypass yourpassword newpassword oldpassword temppassword temporary
testpassword testtest
testing tester testuser username user guest guestguest login logmein signin access accessdenied master
masterkey
computer internet microsoft windows google facebook linkedin instagram whatsapp youtube amazon samsung
android iphone
football baseball basketball soccer hockey liverpool chelsea arsenal barcelona realmadrid juventus
manchester
manchesterunited yankees cowboys steelers lakers patriots eagles packers
superman batman spiderman starwars startrek pokemon pikachu minecraft harrypotter hogwarts gandalf matrix
naruto
dragon dragonball monkey princess sunshine shadow michael jennifer jessica jordan michelle charlie daniel
andrew
thomas robert matthew anthony ashley nicole amanda william george alexander victoria elizabeth christopher
mustang ferrari porsche mercedes harley corvette camaro chevrolet
butterfly cheese chocolate cookie banana orange pepper ginger purple flower summer winter spring autumn
january february march april may june july august september october november december
monday tuesday wednesday thursday friday saturday sunday
blink blinkone forever freedom happy family mother father brother sister friends bestfriend babygirl angel
angels
jesus jesuschrist jesuslovesme godisgood godislove heaven blessed hallelujah
hello helloworld hellothere hellokitty goodbye whatever nothing something anything everything
abc abcabc abcd qwerty qwertz azerty qwert asdf asdfgh zxcvbn zxcvbnm letters
hospital clinic clinical medical medicine doctor nurse patient patients health healthcare radiology
cardiology surgery
pharmacy laboratory ambulance emergency chartroom export portal database server system network office
company
correcthorsebatterystaple correcthorse thequickbrownfox thequickbrownfoxjumps tobeornottobe
maytheforcebewithyou
ihatepasswords ihateyou iwantyou ineedyou fuckyou fuckoff asshole
onetwothree onetwothreefour abcdefghijkl nopassword passwordpassword password123 thisismypassword
thisispassword
thisisatest thisisasecret rememberme donotforget forgetmenot openup opensesame
"""
COMMON = frozenset(_WORDS.split())
"""Case-folded, without marks; refused alone, with digits around it, and two of them together."""

_ROWS = (
    "1234567890",
    "01234567890123456789",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "wxcvbn",
    "abcdefghijklmnopqrstuvwxyz",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6z7u8i9o0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
)
KEYBOARD_RUNS = _ROWS + tuple(row[::-1] for row in _ROWS)
