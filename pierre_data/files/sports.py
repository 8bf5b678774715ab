"""Sport words of FIT, TCX and GPX in the closed vocabulary."""

from __future__ import annotations

from typing import Any

from pierre_data.files.recording import Recording, filled
from pierre_data.spi import Sports

# Number, name and our sport of the FIT profile 21.218 (82 sports, 2026-10); older decoders give numbers.
_FIT = """0 generic workout 1 running run 2 cycling ride 3 transition transition 4 fitness_equipment cardio_gym
5 swimming swim 6 basketball basketball 7 soccer soccer 8 tennis tennis 9 american_football american_football
10 training workout 11 walking walk 12 cross_country_skiing nordic_ski 13 alpine_skiing alpine_ski
14 snowboarding snowboard 15 rowing row 16 mountaineering mountaineering 17 hiking hike 18 multisport multisport
19 paddling paddle 21 e_biking ebike 22 motorcycling motor_sport 25 golf golf 26 hang_gliding other
27 horseback_riding equestrian 28 hunting fishing_hunting 29 fishing fishing_hunting 30 inline_skating inline_skate
31 rock_climbing rock_climb 32 sailing sail 33 ice_skating ice_skate 34 sky_diving other 35 snowshoeing snowshoe
36 snowmobiling motor_sport 37 stand_up_paddleboarding sup 38 surfing surf 39 wakeboarding water_sport
40 water_skiing water_sport 41 kayaking kayak 42 rafting paddle 43 windsurfing windsurf 44 kitesurfing kitesurf
45 tactical other 46 jumpmaster other 47 boxing martial_arts 48 floor_climbing stair 49 baseball baseball
53 diving dive 56 shooting fishing_hunting 58 winter_sport other 59 grinding other 62 hiit hiit 64 racket other
65 wheelchair_push_walk wheelchair 66 wheelchair_push_run wheelchair 68 para_sport other 69 disc_golf other
70 team_sport other 71 cricket cricket 72 rugby rugby 73 hockey hockey 74 lacrosse other 75 volleyball volleyball
76 water_tubing water_sport 77 wakesurfing water_sport 78 water_sport water_sport 79 archery other
80 mixed_martial_arts martial_arts 81 motor_sports motor_sport 82 snorkeling dive 83 dance dance
84 jump_rope cardio_gym 85 pool_apnea dive 86 mobility mobility 87 geocaching other 88 canoeing canoe 254 all other"""
_FIT_LEISURE = "20 flying other 23 boating other 24 driving other 63 video_gaming other 67 meditation other"
# Sub-sports that say more than their sport; every other keeps the sport's own.
_SUB = """1 treadmill treadmill_run 3 trail trail_run 4 track track_run 5 spin indoor_ride 6 indoor_cycling indoor_ride
7 road road_ride 8 mountain mountain_bike 9 downhill mountain_bike 10 recumbent ride 11 cyclocross cyclocross
12 hand_cycling handcycle 13 track_cycling track_cycling 14 indoor_rowing indoor_row 15 elliptical elliptical
16 stair_climbing stair 17 lap_swimming pool_swim 18 open_water open_water_swim 19 flexibility_training mobility
20 strength_training strength 25 indoor_skiing nordic_ski 26 cardio_training cardio_gym 27 indoor_walking walk
28 e_bike_fitness ebike 29 bmx ride 30 casual_walking walk 31 speed_walking walk 32 bike_to_run_transition transition
33 run_to_bike_transition transition 34 swim_to_bike_transition transition 35 atv motor_sport 36 motocross motor_sport
37 backcountry backcountry_ski 41 whitewater kayak 42 skate_skiing nordic_ski 43 yoga yoga 44 pilates pilates
45 indoor_running treadmill_run 46 gravel_cycling gravel_ride 47 e_bike_mountain emtb 48 commuting ride
49 mixed_surface gravel_ride 53 single_gas_diving dive 54 multi_gas_diving dive 55 gauge_diving dive
56 apnea_diving dive 57 apnea_hunting dive 58 virtual_activity virtual_ride 59 obstacle other 63 ccr_diving dive
67 ultra ultra_run 68 indoor_climbing indoor_climb 69 bouldering indoor_climb 70 hiit hiit 73 amrap hiit 74 emom hiit
75 tabata hiit 78 triathlon triathlon 79 duathlon multisport 80 brick multisport 81 swim_run multisport
84 pickleball pickleball 85 padel padel 88 indoor_hand_cycling handcycle 94 squash squash 95 badminton badminton
96 racquetball racquetball 97 table_tennis table_tennis 121 dynamic_apnea dive 123 enduro motor_sport
124 rucking hike 125 rally motor_sport 126 pool_triathlon triathlon 127 e_bike_enduro emtb"""
_SUB_LEISURE = "62 breathing other"
# The pair decides where a sub-sport means something else under another sport.
_PAIRS = {
    (sport, sub): ours
    for sport, sub, ours in (
        triple.split()
        for triple in """walk treadmill walk, ride trail mountain_bike, hike trail hike, walk trail walk,
        alpine_ski downhill alpine_ski, run virtual_activity virtual_run, row virtual_activity indoor_row,
        walk virtual_activity walk, run road run, run mountain trail_run, row open_water row,
        sup whitewater sup, snowboard backcountry snowboard, hike backcountry hike""".split(",")
    )
}
_INDOOR = frozenset(
    """treadmill spin indoor_cycling indoor_rowing elliptical stair_climbing lap_swimming indoor_skiing indoor_walking
    indoor_running virtual_activity indoor_climbing bouldering indoor_hand_cycling pool_triathlon""".split()
)
_INDOOR_SPORTS = frozenset(
    "treadmill_run virtual_run virtual_ride indoor_ride indoor_row pool_swim indoor_climb".split()
)

# TCX knows Running, Biking, Other; GPX is free text: Garmin's keys, Strava's words and its numbers 1 and 9.
WORDS = Sports.table(
    """run running=run jogging=run Biking=ride bike=ride cycling=ride cycle=ride ride bicycling=ride walk
    walking=walk hike hiking=hike swim swimming=swim Other=other generic=workout workout training=workout
    fitness+equipment=cardio_gym treadmill+running=treadmill_run trail+running=trail_run trail+run=trail_run
    TrailRun=trail_run track+running=track_run virtual+run=virtual_run virtual+ride=virtual_ride
    VirtualRide=virtual_ride road+biking=road_ride mountain+biking=mountain_bike mtb=mountain_bike
    mountain+bike=mountain_bike MountainBikeRide=mountain_bike gravel+cycling=gravel_ride
    GravelRide=gravel_ride cyclocross indoor+cycling=indoor_ride e+bike+fitness=ebike e+bike+mountain=emtb
    EBikeRide=ebike e+bike+ride=ebike lap+swimming=pool_swim open+water+swimming=open_water_swim rowing=row
    indoor+rowing=indoor_row kayaking=kayak canoeing=canoe stand+up+paddleboarding=sup surfing=surf
    sailing=sail windsurfing=windsurf cross+country+skiing=nordic_ski nordic+ski=nordic_ski
    NordicSki=nordic_ski resort+skiing+snowboarding=alpine_ski resort+skiing=alpine_ski alpine+ski=alpine_ski
    AlpineSki=alpine_ski skiing=alpine_ski backcountry+skiing=backcountry_ski BackcountrySki=backcountry_ski
    snowboarding=snowboard snowboard snowshoeing=snowshoe snowshoe skating=ice_skate ice+skating=ice_skate
    inline+skating=inline_skate InlineSkate=inline_skate mountaineering rock+climbing=rock_climb
    strength+training=strength WeightTraining=strength cardio=cardio_gym elliptical stair+climbing=stair yoga
    pilates hiit golf tennis soccer multi+sport=multisport multisport triathlon transition 1=ride 9=run"""
)


def _table(known: str, leisure: str) -> Sports:
    tables = []
    for text in (known, leisure):
        words = text.split()
        triples = list(zip(words[::3], words[1::3], words[2::3], strict=True))
        tables.append({n: sport for n, _, sport in triples} | {name: sport for _, name, sport in triples})
    return Sports(tables[0], tables[1])


FIT_SPORTS = _table(_FIT, _FIT_LEISURE)
FIT_SUB_SPORTS = _table(_SUB, _SUB_LEISURE)


def sport_of_word(word: str | None, recording: Recording) -> dict[str, Any]:
    """Return the sport columns for a word of TCX or GPX; `recording` is told of a word nobody knows."""
    word = (word or "").strip()
    known = WORDS.sport(word.replace("_", " ").removesuffix(" ws").removesuffix(" v2")) or WORDS.sport(word)
    if word and known is None:
        recording.problems.append(("sport", f"{word[:60]!r} is not known, kept as other"))
    sport, exercise = known or ("other", True)
    row = {"sport": sport, "sport_raw": word or None, "is_exercise": exercise}
    return filled(row | {"indoor": True if sport in _INDOOR_SPORTS else None})


def sport_of_fit(sport: str | int | None, sub: str | int | None, recording: Recording) -> dict[str, Any]:
    """Return the sport columns for FIT's sport and sub-sport, names or numbers."""
    words = [None if w is None else str(w) for w in (sport, sub)]
    plain = words[1] in (None, "generic", "0", "all", "254")
    raw = words[0] if plain else f"{words[0]}/{words[1]}"
    own = FIT_SPORTS.sport(words[0] or "")
    if words[0] and own is None:
        recording.problems.append(("sport", f"{raw!r} is not known, kept as other"))
    ours, exercise = own or ("other", True)
    finer = None if plain else FIT_SUB_SPORTS.sport(words[1] or "")
    pair = _PAIRS.get((ours, words[1] or ""))
    if pair is not None:
        ours = pair
    elif finer is not None:
        ours, exercise = finer[0], finer[1] and exercise
    row = {"sport": ours, "sport_raw": raw, "is_exercise": exercise}
    return filled(row | {"indoor": True if words[1] in _INDOOR or ours in _INDOOR_SPORTS else None})
