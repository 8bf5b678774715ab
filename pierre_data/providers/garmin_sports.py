"""Garmin's words for sports: those of the partner API and, in lower case, those of Connect (November 2026)."""

from __future__ import annotations

import re
from typing import Any

from pierre_data.spi import Sports

_TRAINED = """run=running,street_running,obstacle_run track_run=track_running trail_run=trail_running ultra_run
treadmill_run=treadmill_running,indoor_running virtual_run ride=cycling,bmx,recumbent_cycling road_ride=road_biking
mountain_bike=mountain_biking,downhill_biking,enduro_mtb gravel_ride=gravel_cycling cyclocross
track_cycling ebike=e_bike_fitness emtb=e_bike_mountain,e_enduro_mtb indoor_ride=indoor_cycling virtual_ride
handcycle=handcycling,indoor_handcycling swim=swimming pool_swim=lap_swimming open_water_swim=open_water_swimming
walk=walking,casual_walking,speed_walking hike=hiking,rucking mountaineering hiit elliptical
cardio_gym=fitness_equipment,indoor_cardio,jump_rope stair=stair_climbing,floor_climbing indoor_row=indoor_rowing
strength=strength_training yoga pilates mobility indoor_climb=bouldering,indoor_climbing rock_climb=rock_climbing
alpine_ski=resort_skiing,resort_skiing_snowboarding snowboard=backcountry_snowboarding,snowboarding
backcountry_ski=backcountry_skiing,backcountry_skiing_snowboarding nordic_ski=cross_country_skiing,skate_skiing
ice_skate=skating snowshoe=snow_shoe inline_skate=inline_skating row=rowing kayak=kayaking paddle=paddling
sup=stand_up_paddleboarding surf=surfing kitesurf=kiteboarding windsurf=windsurfing,wind_kite_surfing sail=sailing
water_sport=whitewater_rafting,whitewater_rafting_kayaking,wakeboarding,waterskiing,boating,offshore_grinding
water_sport=onshore_grinding,water_sports dive=diving,single_gas_diving,multi_gas_diving,gauge_diving,apnea_diving
dive=apnea_hunt,ccr_dive,snorkeling fishing_hunting=fishing,hunting,hunting_fishing multisport=multi_sport
transition=transition,bike_to_run_transition,run_to_bike_transition,swim_to_bike_transition,biketoruntransition
transition=runtobiketransition,swimtobiketransition american_football baseball=baseball,softball basketball cricket
hockey=field_hockey,ice_hockey rugby soccer volleyball badminton pickleball racquetball squash table_tennis
tennis=tennis,platform_tennis padel=paddelball,padel golf martial_arts=boxing,mixed_martial_arts dance
equestrian=horseback_riding wheelchair=wheelchair_push_run,wheelchair_push_walk,para_sports
motor_sport=motorcycling,motocross,atv,auto_racing,snowmobiling
other=lacrosse,ultimate_disc,disc_golf,team_sports,winter_sports,other,uncategorized,hang_gliding,sky_diving
other=wingsuit_flying"""
_LEISURE = """mobility=breathwork,meditation motor_sport=driving_general
other=stop_watch,stopwatch,e_sport,flying,rc_drone"""
_INDOOR = re.compile(r"(?i)indoor|treadmill|virtual|lap_swim|elliptical|stair_|floor_|bouldering|fitness_equipment")


def _word(*texts: Any) -> str | None:
    text = next((str(text) for text in texts if text), None)
    return text and re.sub(r"(?i)(_V2|_WS)+$", "", text)


#: Words of both of Garmin's sides, any case, with or without the endings _V2 and _WS.
SPORTS = Sports.grouped(_TRAINED, _LEISURE, _word)


def own_link(activity: Any) -> str | None:
    """Return what other services call an activity, so that their rows find it, whoever compares them."""
    return f"garmin:{activity}" if activity else None


def indoor(word: str) -> bool | None:
    """Return True for what is done inside; None where the word does not say."""
    return bool(_INDOOR.search(word)) or None
