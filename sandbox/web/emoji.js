// Emoji shortcodes people and bots use in an incident channel, and telling emoji from text.

const TABLE = `
grinning 😀 smiley 😃 smile 😄 grin 😁 laughing 😆 sweat_smile 😅 joy 😂 rofl 🤣 slightly_smiling_face 🙂 upside_down_face 🙃 wink 😉 blush 😊
innocent 😇 heart_eyes 😍 kissing_heart 😘 yum 😋 stuck_out_tongue 😛 thinking_face 🤔 neutral_face 😐 expressionless 😑 no_mouth 😶 smirk 😏
unamused 😒 face_with_rolling_eyes 🙄 grimacing 😬 relieved 😌 pensive 😔 sleepy 😪 sleeping 😴 mask 😷 dizzy_face 😵 exploding_head 🤯
sunglasses 😎 nerd_face 🤓 confused 😕 worried 😟 open_mouth 😮 astonished 😲 flushed 😳 fearful 😨 cold_sweat 😰 cry 😢 sob 😭 scream 😱
disappointed 😞 sweat 😓 weary 😩 tired_face 😫 triumph 😤 rage 😡 angry 😠 skull 💀 ghost 👻 robot_face 🤖 alien 👽 saluting_face 🫡
wave 👋 raised_hand ✋ ok_hand 👌 v ✌️ crossed_fingers 🤞 point_left 👈 point_right 👉 point_up_2 👆 point_down 👇 point_up ☝️ +1 👍 thumbsup 👍
-1 👎 thumbsdown 👎 fist ✊ facepunch 👊 clap 👏 raised_hands 🙌 pray 🙏 muscle 💪 eyes 👀 eye 👁️ brain 🧠 bust_in_silhouette 👤
busts_in_silhouette 👥 woman-shrugging 🤷‍♀️ man-shrugging 🤷‍♂️ shrug 🤷 facepalm 🤦 female-technologist 👩‍💻 male-technologist 👨‍💻 technologist 🧑‍💻
heart ❤️ orange_heart 🧡 yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 broken_heart 💔 100 💯 boom 💥 collision 💥 dizzy 💫
speech_balloon 💬 thought_balloon 💭 zzz 💤 fire 🔥 fire_engine 🚒 fire_extinguisher 🧯 sparkles ✨ star ⭐ star2 🌟 zap ⚡ sunny ☀️ cloud ☁️
thunder_cloud_and_rain ⛈️ lightning 🌩️ lightning_cloud 🌩️ tornado 🌪️ rainbow 🌈 umbrella ☔ snowflake ❄️ ocean 🌊 droplet 💧 earth_africa 🌍
rocket 🚀 airplane ✈️ ship 🚢 anchor ⚓ construction 🚧 rotating_light 🚨 police_car 🚓 ambulance 🚑 vertical_traffic_light 🚦 octagonal_sign 🛑
stop_sign 🛑 checkered_flag 🏁 triangular_flag_on_post 🚩 white_flag 🏳️ tada 🎉 confetti_ball 🎊 balloon 🎈 gift 🎁 trophy 🏆 medal 🏅
first_place_medal 🥇 dart 🎯 game_die 🎲 bell 🔔 no_bell 🔕 mega 📣 loudspeaker 📢 mute 🔇 sound 🔉 loud_sound 🔊 telephone_receiver 📞 phone ☎️
telephone ☎️ pager 📟 iphone 📱 computer 💻 desktop_computer 🖥️ keyboard ⌨️ printer 🖨️ floppy_disk 💾 cd 💿 battery 🔋 electric_plug 🔌 bulb 💡
flashlight 🔦 mag 🔍 mag_right 🔎 microscope 🔬 telescope 🔭 satellite_antenna 📡 lock 🔒 unlock 🔓 closed_lock_with_key 🔐 key 🔑 hammer 🔨
wrench 🔧 hammer_and_wrench 🛠️ gear ⚙️ nut_and_bolt 🔩 link 🔗 paperclip 📎 pushpin 📌 round_pushpin 📍 scissors ✂️ wastebasket 🗑️ package 📦
shield 🛡️ bomb 💣 hourglass ⌛ hourglass_flowing_sand ⏳ watch ⌚ alarm_clock ⏰ stopwatch ⏱️ timer_clock ⏲️ clock1 🕐 clock3 🕒 calendar 📅 date 📅
spiral_calendar_pad 🗓️ memo 📝 pencil 📝 pencil2 ✏️ page_facing_up 📄 page_with_curl 📃 scroll 📜 clipboard 📋 bookmark 🔖 bookmark_tabs 📑
book 📖 books 📚 notebook 📓 ledger 📒 newspaper 📰 file_folder 📁 open_file_folder 📂 card_index 📇 bar_chart 📊 chart 💹
chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 email 📧 envelope ✉️ inbox_tray 📥 outbox_tray 📤 incoming_envelope 📨 mailbox 📫
moneybag 💰 money_with_wings 💸 credit_card 💳 dollar 💵 shopping_trolley 🛒 coffee ☕ pizza 🍕 beer 🍺 beers 🍻 cake 🍰 apple 🍎 bug 🐛 ant 🐜
snail 🐌 turtle 🐢 dog 🐶 cat 🐱 monkey_face 🐵 see_no_evil 🙈 hear_no_evil 🙉 unicorn_face 🦄 penguin 🐧 bird 🐦 crab 🦀 fish 🐟 whale 🐳
seedling 🌱 evergreen_tree 🌲 herb 🌿 four_leaf_clover 🍀 red_circle 🔴 large_orange_circle 🟠 orange_circle 🟠 large_yellow_circle 🟡
yellow_circle 🟡 large_green_circle 🟢 green_circle 🟢 large_blue_circle 🔵 large_purple_circle 🟣 purple_circle 🟣 large_brown_circle 🟤
white_circle ⚪ black_circle ⚫ large_red_square 🟥 large_orange_square 🟧 large_yellow_square 🟨 large_green_square 🟩 large_blue_square 🟦
white_large_square ⬜ black_large_square ⬛ small_red_triangle 🔺 small_red_triangle_down 🔻 large_orange_diamond 🔶 large_blue_diamond 🔷
small_orange_diamond 🔸 small_blue_diamond 🔹 warning ⚠️ no_entry ⛔ no_entry_sign 🚫 x ❌ heavy_multiplication_x ✖️ negative_squared_cross_mark ❎
white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ question ❓ grey_question ❔ exclamation ❗ heavy_exclamation_mark ❗ bangbang ‼️
interrobang ⁉️ information_source ℹ️ recycle ♻️ sos 🆘 new 🆕 ok 🆗 up 🆙 free 🆓 heavy_plus_sign ➕ heavy_minus_sign ➖ heavy_division_sign ➗
infinity ♾️ arrow_up ⬆️ arrow_down ⬇️ arrow_left ⬅️ arrow_right ➡️ arrow_upper_right ↗️ arrow_lower_right ↘️ arrow_up_small 🔼 arrow_down_small 🔽
arrow_forward ▶️ arrow_backward ◀️ fast_forward ⏩ rewind ⏪ double_vertical_bar ⏸️ black_square_for_stop ⏹️ black_circle_for_record ⏺️ arrows_counterclockwise 🔄
arrows_clockwise 🔃 leftwards_arrow_with_hook ↩️ arrow_right_hook ↪️ repeat 🔁 back 🔙 soon 🔜 end 🔚 one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣
six 6️⃣ seven 7️⃣ eight 8️⃣ nine 9️⃣ zero 0️⃣ keycap_ten 🔟 hash #️⃣ a 🅰️ b 🅱️ world_map 🗺️ classical_building 🏛️ house 🏠 office 🏢 factory 🏭
crystal_ball 🔮 test_tube 🧪 dna 🧬 pill 💊 syringe 💉 adhesive_bandage 🩹 stethoscope 🩺 ladder 🪜 magnet 🧲 toolbox 🧰 label 🏷️ ticket 🎫
video_camera 📹 movie_camera 🎥 camera 📷 headphones 🎧 microphone 🎤 studio_microphone 🎙️ musical_note 🎵 art 🎨 us 🇺🇸 de 🇩🇪 fr 🇫🇷 gb 🇬🇧 br 🇧🇷 jp 🇯🇵
mostly_sunny 🌤️ partly_sunny ⛅ full_moon 🌕 hand 🤚 call_me_hand 🤙 handshake 🤝 writing_hand ✍️ hugging_face 🤗 shushing_face 🤫 melting_face 🫠
partying_face 🥳 pleading_face 🥺 zany_face 🤪 money_mouth_face 🤑 face_with_monocle 🧐 clown_face 🤡 hot_face 🥵 cold_face 🥶
`;

const words = TABLE.trim().split(/\s+/);
export const EMOJI = new Map();
for (let i = 0; i + 1 < words.length; i += 2) EMOJI.set(words[i], words[i + 1]);

export const emojiOf = (name) => EMOJI.get(String(name).replace(/::skin-tone-\d$/, ""));

/** Offered on the hover bar and in the picker. */
export const QUICK = ["white_check_mark", "eyes", "raised_hands"];
export const PICKER = ["+1", "-1", "white_check_mark", "eyes", "raised_hands", "pray", "tada", "fire", "rotating_light", "warning", "bug", "rocket", "heart", "joy",
  "thinking_face", "exploding_head", "cry", "scream", "saluting_face", "clap", "ok_hand", "wave", "100", "zap", "mag", "wrench", "hourglass_flowing_sand", "bell",
  "memo", "pushpin", "construction", "x", "heavy_plus_sign", "question", "coffee", "pizza"];

const ONE = "(?:\\p{RI}\\p{RI}|[0-9#*]\\uFE0F?\\u20E3|(?:\\p{Emoji_Presentation}|\\p{Extended_Pictographic}\\uFE0F)(?:\\p{EMod})?(?:\\u200D\\p{Extended_Pictographic}\\uFE0F?(?:\\p{EMod})?)*)";
export const EMOJI_RE = new RegExp(ONE, "gu");
export const ONLY_EMOJI = new RegExp(`^(?:\\s|${ONE}|:[a-z0-9_+-]+:){1,24}$`, "u");
