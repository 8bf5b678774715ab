"""What WHOOP's API v2 says of a workout, a night, a cycle and a body (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from pierre_data import spi
from pierre_data.schema import Unit
from pierre_data.spi import Field, Moment, between, fields

# Numbers where the vendor published one, and names.
_TRAINED = """run=0,running,253,stroller-jogging track_run=35,track-field,track-and-field ride=1,cycling
mountain_bike=57,mountain-biking indoor_ride=97,spin,126,assault-bike hike=52,hiking-rucking triathlon=62,triathlon
walk=63,walking,93,caddying,252,stroller-walking,254,toddlerwearing,255,babywearing,266,dog-walking swim=33,swimming
alpine_ski=29,skiing nordic_ski=47,cross-country-skiing snowboard=91,snowboarding ice_skate=239,ice-skating
inline_skate=102,inline-skating skateboard=86,skateboarding row=18,rowing kayak=55,kayaking sup=61,paddleboarding
surf=64,surfing kitesurf=264,kite-boarding sail=28,sailing dive=73,diving multisport=49,duathlon golf=22,golf
water_sport=37,water-polo,267,water-skiing,268,wakeboarding crossfit=48,functional-fitness rock_climb=60,rock-climbing
strength=45,weightlifting,59,powerlifting,123,weightlifting-msk,strength-trainer cardio_gym=84,jumping-rope
hiit=96,hiit,248,f45-training,250,barrys elliptical=65,elliptical stair=66,stairmaster,83,climber,261,stadium-steps
yoga=44,yoga,259,hot-yoga pilates=43,pilates,107,barre,258,barre3,reformer-pilates,solidcore dance=42,dance
mobility=128,stretching,282,foam-rolling tennis=34,tennis table_tennis=230,table-tennis badminton=231,badminton
squash=32,squash pickleball=101,pickleball padel=106,paddle-tennis,249,padel baseball=16,baseball,31,softball
basketball=17,basketball hockey=20,field-hockey,24,ice-hockey american_football=21,football rugby=27,rugby
soccer=30,soccer volleyball=36,volleyball handball=240,handball cricket=100,cricket wheelchair=105,wheelchair-pushing
martial_arts=38,wrestling,39,boxing,56,martial-arts,98,jiu-jitsu,103,box-fitness,127,kickboxing
equestrian=53,horseback-riding,262,polo motor_sport=92,motocross,95,motor-racing workout=-1,activity
other=19,fencing,25,lacrosse,51,gymnastics,71,other,82,ultimate,85,australian-football,94,obstacle-course-racing
other=104,spikeball,110,parkour,111,gaelic-football,112,hurling-camogie,113,circus-arts,232,netball,234,disc-golf
other=238,paintball"""
_LEISURE = """other=70,meditation,74,operations-tactical,75,operations-medical,76,operations-flying,77,operations-water
other=87,coaching,88,ice-bath,89,commuting,90,gaming,99,manual-labor,108,stage-performance,109,high-stress-work
other=121,massage-therapy,125,watching-sports,233,sauna,235,yard-work,236,air-compression,237,percussive-massage
other=251,dedicated-parenting,263,musical-performance,269,cooking,270,cleaning,272,public-speaking,snow-shoveling"""


def _word(name: Any, number: Any) -> str | None:
    # Names mix "-" and "_" (weightlifting_msk); the number is deprecated, was still sent in 2026-09, and 0 is running.
    slug = re.sub(r"[^a-z0-9]+", "-", str(name or "").lower().replace("'", "")).strip("-")
    code = str(number).removesuffix(".0")
    return code if SPORTS.sport(slug) is None and SPORTS.sport(code) else slug or None


SPORTS = spi.Sports.grouped(_TRAINED, _LEISURE, _word)


def _offset(text: str) -> float:
    return (dt.datetime.fromisoformat(f"2000-01-01T00:00{text}").utcoffset() or dt.timedelta()).total_seconds()


def _local(time: str | None, offset: str | None) -> Moment:
    return Moment.of(dt.datetime.fromisoformat(time) if time else None, _offset(offset) if offset else None)


def _day(end: str | None, zone: str | None, start: str | None, offset: str | None, created: str | None) -> Any:
    # The day of waking up; a cycle begins with falling asleep, so its day is the one half a day later.
    begun = _local(start, offset).wall
    morning = begun and dt.datetime.combine(begun + dt.timedelta(hours=12), dt.time())
    return _local(end, zone).date or morning or (created and created[:10])


def _sum(*parts: float | None) -> float | None:
    return sum(p or 0 for p in parts) if any(p is not None for p in parts) else None


def _state(word: str) -> str:
    return "pending" if word == "PENDING_SCORE" else word.lower()


def window(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
    """Return the parameters of a window, ISO 8601."""
    ends = {"start": after, "end": before and before + dt.timedelta(microseconds=999)}  # the end is exclusive
    return {k: f"{t.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" for k, t in ends.items() if t}


_ASLEEP = tuple(f"score.stage_summary.total_{name}_sleep_time_milli" for name in ("light", "slow_wave", "rem"))
_NEEDS = ("baseline", "need_from_sleep_debt", "need_from_recent_strain", "need_from_recent_nap")  # a nap is below 0
_SPAN = fields("id athlete_id=user_id start_time=start updated_at") | fields(
    "utc_offset_s=timezone_offset", via=_offset
)
_HEART = "strain average_heart_rate_bpm=average_heart_rate max_heart_rate_bpm=max_heart_rate energy_kcal=kilojoule@kJ"
WORKOUT = _SPAN | fields(f"{_HEART} distance_m=distance_meter elevation_gain_m=altitude_gain_meter", "score.")
WORKOUT |= {"sport": Field("sport_name", "sport_id", via=SPORTS), "elapsed_s": Field("start", "end", via=between)}
SLEEP = _SPAN | fields("end_time=end is_nap=nap wake_count=score.stage_summary.disturbance_count")
SLEEP |= fields(
    """efficiency_pct=sleep_efficiency_percentage score=sleep_performance_percentage
    respiratory_rate_brpm=respiratory_rate""",
    "score.",
)
SLEEP |= fields(
    """in_bed_s=in_bed_time_milli@ms awake_s=awake_time_milli@ms unscored_s=no_data_time_milli@ms
    light_s=light_sleep_time_milli@ms deep_s=slow_wave_sleep_time_milli@ms rem_s=rem_sleep_time_milli@ms""",
    "score.stage_summary.total_",
)
SLEEP |= {
    "night": Field("end", "timezone_offset", via=lambda *end: _local(*end).date),
    "end_time_local": Field("end", "timezone_offset", via=lambda *end: _local(*end).wall),
    "asleep_s": Field(*_ASLEEP, unit=Unit.MILLISECOND, via=_sum),
    "needed_s": Field(*(f"score.sleep_needed.{need}_milli" for need in _NEEDS), unit=Unit.MILLISECOND, via=_sum),
    "scoring": Field("score_state", via=_state),
}
RECOVERY = fields(_HEART, "cycle.score.") | fields(
    """recovery_score resting_heart_rate_bpm=resting_heart_rate hrv_rmssd_ms=hrv_rmssd_milli
    spo2_pct=spo2_percentage skin_temperature_c=skin_temp_celsius""",
    "recovery.score.",
)
RECOVERY |= fields("sleep_score=sleep_performance_percentage respiratory_rate_brpm=respiratory_rate", "sleep.score.")
_ENDS = ("sleep.end", "sleep.timezone_offset", "cycle.start", "cycle.timezone_offset", "recovery.created_at")
RECOVERY |= {
    "id": Field("cycle.id", "recovery.cycle_id"),
    "date": Field(*_ENDS, via=_day),
    "athlete_id": Field("cycle.user_id", "recovery.user_id"),
    "scoring": Field("recovery.score_state", via=_state),
    "updated_at": Field("recovery.updated_at", "cycle.updated_at"),
}
BODY = fields("height_m=height_meter weight_kg=weight_kilogram max_heart_rate_bpm=max_heart_rate", "body.")
ATHLETE = BODY | fields("id=profile.user_id")
ATHLETE |= {"name": Field("profile.first_name", "profile.last_name", via=lambda *n: " ".join(filter(None, n)) or None)}
ZONE = fields("id kind zone elapsed_s=time@ms")
