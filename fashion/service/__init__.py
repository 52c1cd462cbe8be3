"""The web service: photos in, garments out, over HTTP.

A request passes server (uvicorn, and time-outs of connections), gate (request ids, log, keys,
limits), body_limit and app (routes). Photos are checked by uploads and photos, and predicted by
worker, a thread that owns the model. answers and catalogue write what clients get.
"""
