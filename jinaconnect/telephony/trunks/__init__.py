"""SIP trunks as data: carriers' profiles, and the PJSIP objects a profile and an account's credentials make."""
