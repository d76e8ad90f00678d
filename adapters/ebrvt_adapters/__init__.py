"""Adapters: one package for each system the province exchanges documents and dossiers with.

An adapter is found through the entry-point group ``ebrvt_connect.adapters``, never by importing this
package, so a vendor's adapter in its own distribution is equal to the ones that ship here.
"""
