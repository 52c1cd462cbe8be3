"""How good are the detections?"""
